"""The manifests fit the image and the configuration's defaults."""

import re
from pathlib import Path

import pytest
import yaml

from settings.kubeflow import Kubeflow
from tests.kubernetes_schema import mistakes

ROOM = Path(__file__).parents[2] / "kfp"
OBJECTS = {
    (document["kind"], document["metadata"]["name"]): document
    for name in yaml.safe_load((ROOM / "manifests/kustomization.yaml").read_text())["resources"]
    for document in yaml.safe_load_all((ROOM / "manifests" / name).read_text())
}
USER = re.search(r"^USER (\d+):(\d+)$", (ROOM / "Dockerfile").read_text(), re.MULTILINE)
PODS = {
    name: document["spec"]["template"]["spec"]
    for (kind, name), document in OBJECTS.items()
    if kind in ("Deployment", "Job")
}


@pytest.mark.parametrize("document", OBJECTS.values(), ids=map("-".join, OBJECTS))
def test_kubernetes_takes_the_manifest(document):
    assert mistakes(document) == []


def test_the_claim_is_the_one_that_the_steps_mount():
    assert ("PersistentVolumeClaim", Kubeflow().models.claim) in OBJECTS


def test_the_volume_is_given_to_the_user_of_the_image():
    [container] = PODS["steadyfeed-models-owner"]["containers"]
    [mount] = container["volumeMounts"]

    assert mount["mountPath"] == Kubeflow().models.mount_path
    assert f"chown {USER[1]}:{USER[2]} {mount['mountPath']}" in container["command"][-1]
    assert PODS["steadyfeed-serving"]["securityContext"]["fsGroup"] == int(USER[2])


@pytest.mark.parametrize("name", PODS)
def test_every_pod_has_limits_and_as_few_rights_as_it_can(name):
    for container in PODS[name]["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"]["drop"] == ["ALL"]
        assert container["resources"]["limits"]["memory"]
        assert not container["image"].endswith(":latest")
