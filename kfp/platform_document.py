"""The package's second document: what Kubernetes gives to each step.

Kubeflow reads it by executor label, and an unknown field fails the upload.
`enabledSharedMemory` is left out: the SDK writes it and the backend does not implement it; a
mounted memory volume does the same.
"""

import re

from settings.kubernetes import Step

_VOLUME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # a DNS label, as RFC 1123 has it
_SHARED_MEMORY = "shm"  # as its volume is named


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
        for mistake in _check_claims(fields):
            yield f"platform: {label}: {mistake}"


def _check_claims(fields):
    """The driver names a pod's volume after its claim."""
    claims = [claim for claim, _ in volumes(fields)]
    taken = {mount["volumeName"] for mount in fields.get("emptyDirMounts", [])}
    for claim in sorted(set(claims)):
        if claims.count(claim) > 1:
            yield (
                f"the claim {claim} is mounted at two paths, which the backend cannot; mount it at "
                "one"
            )
        if not _VOLUME.fullmatch(claim):
            yield (
                f"the claim {claim} names a volume of the pod, which Kubernetes refuses; allowed: "
                "a claim named with lower-case letters, digits and hyphens, at most 63"
            )
        if claim in taken:
            yield (
                f"the claim {claim} has the name of the volume of shared_memory, which Kubernetes "
                "refuses; allowed: a claim of another name, or no shared_memory"
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
                "volumeName": _SHARED_MEMORY,
                "mountPath": "/dev/shm",
                "medium": "Memory",
                "sizeLimit": step.shared_memory,
            }
        ],
    }


def _constant(name):
    return {"runtimeValue": {"constant": name}}
