"""Which releases of the backend know every field of a package; they refuse all else."""

import json
import re
from pathlib import Path

import pytest
import yaml
from test_package_rules import TRAINER_LIKE
from toy_pipeline import FACTOR, toy_pipeline

from kfp.compile_package import compile_pipeline
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step
from tests.kfp_rooms.test_folder_package import package_of

FIELDS = json.loads((Path(__file__).parent / "backend_fields.json").read_text())
FREE = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.Duration"}
GUIDE = Path(__file__).parents[2] / "kfp" / "README.md"


def versions(data, kind, outer):
    """The first release that knows each field in data of a message kind within `outer`."""
    known = FIELDS["platform"] | FIELDS["spec"]
    if kind.startswith("map:"):
        for value in data.values():
            yield from versions(value, kind.removeprefix("map:"), outer)
        return
    if kind.startswith("list:"):
        for value in data:
            yield from versions(value, kind.removeprefix("list:"), outer)
        return
    kind = kind.removeprefix("ml_pipelines.")
    # A name is first looked for within the message that uses it.
    scopes = [outer.rsplit(".", depth)[0] for depth in range(outer.count(".") + 1)]
    message = next((m for m in (*(f"{s}.{kind}" for s in scopes), kind) if m in known), None)
    if message is None or kind in FREE or not isinstance(data, dict):
        return
    for name, value in data.items():
        assert name in known[message], f"no release knows {message}.{name}"
        type_name, since = known[message][name]
        yield tuple(map(int, since.split(".")))
        yield from versions(value, type_name, message)


def oldest(step):
    kubeflow = Kubeflow(image="toy:1", steps={"Add": step})
    return oldest_of(compile_pipeline(toy_pipeline("/models"), kubeflow, [FACTOR]))


def oldest_of(documents):
    spec, *platform = documents
    deployment = spec.pop("deploymentSpec")
    found = [*versions(spec, "PipelineSpec", "PipelineSpec")]
    found += versions(deployment, "PipelineDeploymentConfig", "PipelineDeploymentConfig")
    for document in platform:
        for fields in document["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
            found += versions(fields, "KubernetesExecutorConfig", "KubernetesExecutorConfig")
    return max(found)


def test_the_guide_names_the_oldest_release_that_takes_every_field():
    named = re.search(r"\((\d+)\.(\d+) or newer\)", GUIDE.read_text())

    assert oldest(TRAINER_LIKE) == (*map(int, named.groups()), 0)


def test_a_package_that_looks_at_its_data_needs_no_newer_release(tmp_path):
    documents = list(yaml.safe_load_all(package_of(tmp_path).read_text()))

    assert "DataFingerprint" in documents[0]["components"]
    assert oldest_of(documents) == oldest(TRAINER_LIKE)


@pytest.mark.parametrize("step", [Step(), TRAINER_LIKE.model_copy(update={"volumes": []})])
def test_an_older_release_takes_what_needs_neither_claim_nor_secret(step):
    step = step.model_copy(update={"secrets": []})

    assert oldest(step) == (2, 4, 0)
