"""Kubernetes' own schemas, as strict as its API server with field validation.

`kfp_rooms/kubernetes_1_29.json` holds the OpenAPI definitions of Kubernetes 1.29 (Apache 2.0,
kubernetes/kubernetes api/openapi-spec, as PyPI's kubernetes-validate 1.37.0 packs them) of the
objects that this project makes, without descriptions. 1.29 is the first version in which a Job
counts failures for each index without a feature gate.
"""

import functools
import json
import re
from pathlib import Path

_FILE = Path(__file__).parent / "kfp_rooms" / "kubernetes_1_29.json"
_KINDS = {
    "integer": int,
    "number": (int, float),
    "string": str,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
_GROUPS = {"v1": "core.v1", "apps/v1": "apps.v1", "batch/v1": "batch.v1"} | {
    "rbac.authorization.k8s.io/v1": "rbac.v1"
}
# Which the schemas leave to the API server's code: names of objects, labels and variables.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@functools.cache
def _definitions():
    return json.loads(_FILE.read_text())


def mistakes(document):
    """What the API server would refuse in an object, as "path: what"."""
    kind = f"io.k8s.api.{_GROUPS[document['apiVersion']]}.{document['kind']}"
    found = list(_walk(kind, document, {"$ref": f"#/$defs/{kind}"}))
    name = document["metadata"].get("name", "")
    if not _NAME.fullmatch(name) or len(name) > 63:
        found.append(f"metadata.name: {name!r}")
    return found


def _walk(path, value, schema):
    if "$ref" in schema:
        schema = _definitions()[schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        if all(list(_walk(path, value, one)) for one in schema["oneOf"]):
            yield f"{path}: {value!r} is not one of {schema['oneOf']}"
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    of_a_kind = isinstance(value, tuple(_KINDS[kind] for kind in kinds)) if kinds else True
    if not of_a_kind or (isinstance(value, bool) and "boolean" not in kinds):
        yield f"{path}: {value!r} is not {' or '.join(kinds)}"
    elif isinstance(value, dict):
        yield from _walk_object(path, value, schema)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(f"{path}[{number}]", item, schema.get("items", {}))
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not one of {schema['enum']}"


def _walk_object(path, value, schema):
    for name in schema.get("required", []):
        if name not in value:
            yield f"{path}.{name}: missing"
    properties, others = schema.get("properties"), schema.get("additionalProperties", {})
    for key, inner in value.items():
        if properties and key not in properties:
            yield f"{path}.{key}: unknown"
        else:
            yield from _walk(f"{path}.{key}", inner, (properties or {}).get(key, others))
