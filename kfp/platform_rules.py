"""The rules of the platform document: fields that the backend knows, values that it takes."""

from kfp.rule_patterns import LABEL_KEY, LABEL_VALUE, OBJECT_NAME, QUANTITY

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_TOLERATION = {"key", "operator", "value", "effect", "tolerationSeconds"}


def check_platform(document, executors):
    """Yields what the backend would refuse in the platform document.

    Args:
      document: {"platforms": {"kubernetes": …}}.
      executors: the executors of the pipeline spec, by label.
    """
    kubernetes = document["platforms"].get("kubernetes")
    if (
        kubernetes is None
        or set(document) != {"platforms"}
        or set(document["platforms"]) > {"kubernetes"}
    ):
        yield "platform: the backend reads platforms.kubernetes and nothing else"
        return
    for label, fields in kubernetes.get("deploymentSpec", {}).get("executors", {}).items():
        if label not in executors:
            yield f"platform: {label} is no executor of the pipeline"
        for field, value in fields.items():
            if field in _CHECKS:
                yield from (f"platform: {label}: {field}: {r}" for r in _CHECKS[field](value))
            else:
                yield f"platform: {label}: {field}: unknown here; allowed: {', '.join(_CHECKS)}"


def _pull_policy(value):
    if value not in _PULL_POLICIES:
        yield f"{value!r}; allowed: {', '.join(_PULL_POLICIES)}"


def _node_selector(value):
    if set(value) != {"labels"}:
        yield "labels are needed, and nothing else"
        return
    for key, label in value["labels"].items():
        if not LABEL_KEY.fullmatch(key) or not LABEL_VALUE.fullmatch(str(label)):
            yield f"{key}: {label} is no label of Kubernetes"


def _tolerations(values):
    for value in values:
        unknown = set(value) - _TOLERATION
        if unknown:
            yield f"unknown: {', '.join(sorted(unknown))}"
        if value.get("operator") not in (None, "Exists", "Equal"):
            yield f"operator {value['operator']!r}; allowed: Exists, Equal"
        if value.get("effect") not in (None, "NoSchedule", "PreferNoSchedule", "NoExecute"):
            yield f"effect {value['effect']!r}; allowed: NoSchedule, PreferNoSchedule, NoExecute"


def _claims(values):
    for value in values:
        yield from _unknown(value, {"mountPath", "pvcNameParameter"})
        yield from _constant_name(value.get("pvcNameParameter", {}))
        if not value.get("mountPath", "").startswith("/"):
            yield "mountPath must be absolute"


def _secrets(values):
    for value in values:
        yield from _unknown(value, {"secretNameParameter", "keyToEnv", "optional"})
        yield from _constant_name(value.get("secretNameParameter", {}))
        for pair in value.get("keyToEnv", []):
            if set(pair) != {"secretKey", "envVar"}:
                yield "keyToEnv needs secretKey and envVar"


def _memory_folders(values):
    for value in values:
        yield from _unknown(value, {"volumeName", "mountPath", "medium", "sizeLimit"})
        if not QUANTITY.fullmatch(value.get("sizeLimit", "1")):
            yield f"sizeLimit {value['sizeLimit']!r} is no quantity of Kubernetes"


def _unknown(value, known):
    unknown = set(value) - known
    if unknown:
        yield f"unknown: {', '.join(sorted(unknown))}"


def _constant_name(parameter):
    name = parameter.get("runtimeValue", {}).get("constant")
    if not isinstance(name, str) or not OBJECT_NAME.fullmatch(name):
        yield f"{name!r} is no name of an object of Kubernetes"


_CHECKS = {
    "imagePullPolicy": _pull_policy,
    "nodeSelector": _node_selector,
    "tolerations": _tolerations,
    "pvcMount": _claims,
    "secretAsEnv": _secrets,
    "emptyDirMounts": _memory_folders,
}
