"""The package's second document: what Kubernetes gives to each step.

Kubeflow reads it by executor label. Fields that it does not know fail the upload, and one
that its SDK writes, `enabledSharedMemory`, its backend does not implement: a mounted
memory volume does the same.
"""


def platform_document(steps):
    """The document, or None where no step needs one.

    Args:
      steps: {executor label: settings.kubeflow.Step}.
    """
    executors = {label: _executor(step) for label, step in steps.items()}
    executors = {label: fields for label, fields in executors.items() if fields}
    if not executors:
        return None
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _executor(step):
    fields = {
        "imagePullPolicy": step.pull_policy,
        "nodeSelector": {"labels": step.node_selector} if step.node_selector else None,
        "tolerations": [
            toleration.model_dump(exclude_none=True) for toleration in step.tolerations
        ],
        "pvcMount": [
            {"mountPath": volume.mount_path, "pvcNameParameter": _constant(volume.claim)}
            for volume in step.volumes
        ],
        "secretAsEnv": [
            {
                "secretNameParameter": _constant(secret.secret),
                "keyToEnv": [{"secretKey": secret.key, "envVar": secret.variable}],
            }
            for secret in step.secrets
        ],
        "emptyDirMounts": _shared_memory(step.shared_memory),
    }
    return {name: value for name, value in fields.items() if value}


def _constant(value):
    return {"runtimeValue": {"constant": value}}


def _shared_memory(size):
    if size is None:
        return []
    return [{"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": size}]
