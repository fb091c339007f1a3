"""The package's second document: what Kubernetes gives to each step.

Kubeflow reads it by executor label, and an unknown field fails the upload.
`enabledSharedMemory` is left out: the SDK writes it and the backend does not implement it; a
mounted memory volume does the same.
"""

from settings.kubernetes import Step


def platform_document(steps):
    """The document, or None where no step needs one.

    Args:
      steps: {executor label: settings.kubernetes.Step}.
    """
    every = {label: _fields(step) for label, step in steps.items()}
    executors = {
        label: {name: value for name, value in fields.items() if value}
        for label, fields in every.items()
        if any(fields.values())
    }
    if not executors:
        return None
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def check_platform(document, executors):
    """Yields what the backend would refuse in the platform document.

    Args:
      document: {"platforms": {"kubernetes": …}}.
      executors: the executors of the pipeline spec, by label.
    """
    if set(document) != {"platforms"} or set(document["platforms"]) != {"kubernetes"}:
        yield "platform: the backend reads platforms.kubernetes and nothing else"
        return
    kubernetes, allowed = document["platforms"]["kubernetes"], _fields(Step()).keys()
    for label, fields in kubernetes.get("deploymentSpec", {}).get("executors", {}).items():
        if label not in executors:
            yield f"platform: {label} is not an executor of the pipeline"
        for name in sorted(fields.keys() - allowed):
            yield f"platform: {label}.{name}: unknown key; allowed: {', '.join(sorted(allowed))}"
        # The driver names a pod's volume after its claim.
        claims = [claim for claim, _ in volumes(fields)]
        for claim in sorted({claim for claim in claims if claims.count(claim) > 1}):
            yield (
                f"platform: {label}: the claim {claim} is mounted at two paths, which the backend "
                "cannot; mount it at one"
            )


def volumes(fields):
    """[(claim, mount path)] of an executor's fields."""
    return [
        (volume["pvcNameParameter"]["runtimeValue"]["constant"], volume["mountPath"])
        for volume in fields.get("pvcMount", [])
    ]


def _fields(step):
    """Every field that a step may have; what it does not have is empty."""
    return {
        "imagePullPolicy": step.pull_policy,
        "nodeSelector": step.node_selector and {"labels": step.node_selector},
        "tolerations": [one.model_dump(exclude_none=True) for one in step.tolerations],
        "pvcMount": [
            {"mountPath": one.mount_path, "pvcNameParameter": _constant(one.claim)}
            for one in step.volumes
        ],
        "secretAsEnv": [
            {
                "secretNameParameter": _constant(one.secret),
                "keyToEnv": [{"secretKey": one.key, "envVar": one.variable}],
            }
            for one in step.secrets
        ],
        "emptyDirMounts": step.shared_memory
        and [
            {
                "volumeName": "shm",
                "mountPath": "/dev/shm",
                "medium": "Memory",
                "sizeLimit": step.shared_memory,
            }
        ],
    }


def _constant(name):
    return {"runtimeValue": {"constant": name}}
