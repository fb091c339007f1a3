import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from environment.lock import NOT_IN_THE_IMAGE
from failures import Failure
from kfp.image_tag import CONTENT, LEFT_OUT, PROJECT, content_tag, with_tag

DOCKERFILE = PROJECT / "kfp" / "Dockerfile"
STAGES = DOCKERFILE.read_text().split("\nFROM ")[1:]


@pytest.fixture
def project(tmp_path):
    for name in CONTENT:
        target = tmp_path / name
        if (PROJECT / name).is_dir():
            (target / "inner").mkdir(parents=True)
            (target / "inner" / "code.py").write_text(name)
        else:
            target.parent.mkdir(exist_ok=True)
            target.write_text(name)
    return tmp_path


def test_the_linter_finds_nothing_in_the_dockerfile():
    linter = Path(sys.executable).parent / "hadolint"

    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_last_stage_has_no_compiler_no_root_and_a_version():
    last = STAGES[-1]

    assert "apt-get" not in last
    assert "pip install" not in last
    assert re.search(r"^USER [1-9]\d*(:\d+)?$", last, re.MULTILINE)
    assert "org.opencontainers.image.version=" in last


def test_every_stage_is_slim_has_a_fixed_tag_and_a_c_library_new_enough():
    for stage in STAGES:
        assert re.match(r"python:3\.11-slim-trixie( AS \w+)?\n", stage)


def test_packages_come_from_the_lock_and_by_their_hashes():
    installs = re.findall(r"pip install[^&]+", STAGES[0].replace("\\\n", ""))

    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)


def test_the_image_has_the_versions_of_the_lock_but_tensorflow_for_cpus():
    whole, image = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-image.txt")
    )

    assert whole.keys() - image.keys() == NOT_IN_THE_IMAGE
    assert image.pop("tensorflow-cpu") == whole["tensorflow"]
    assert image.items() <= whole.items()


def test_docker_is_shown_what_it_copies_and_what_is_left_out():
    lines = (PROJECT / "kfp" / "Dockerfile.dockerignore").read_text().splitlines()

    assert {line[1:] for line in lines if line.startswith("!")} == set(CONTENT)
    assert {f"**/{name}" for name in LEFT_OUT} <= set(lines)


@pytest.mark.parametrize("name", CONTENT)
def test_the_tag_changes_with_each_part_of_the_content(project, name):
    before = content_tag(project)

    changed = project / name
    if changed.is_dir():
        changed = changed / "inner" / "code.py"
    changed.write_text("changed")

    assert content_tag(project) != before


def test_the_tag_changes_with_the_name_of_a_file(project):
    before = content_tag(project)

    (project / "kfp" / "inner" / "code.py").rename(project / "kfp" / "inner" / "other.py")

    assert content_tag(project) != before


def test_the_tag_is_the_same_for_the_same_content_elsewhere(project, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(project, copy)
    (copy / "kfp" / "__pycache__").mkdir()
    (copy / "kfp" / "__pycache__" / "code.pyc").write_text("bytecode")
    (copy / "kfp" / "README.md").write_text("words")

    assert content_tag(copy) == content_tag(project)


def test_the_tag_is_the_same_in_the_image(tmp_path):
    [code] = [stage for stage in STAGES if " AS code\n" in stage]
    for names, target in re.findall(r"^COPY (?!--from)(.+) (\S+)$", code, re.MULTILINE):
        for name in names.split():
            source, place = PROJECT / name, tmp_path / target
            if source.is_dir():
                shutil.copytree(source, place)
            else:
                place.mkdir(exist_ok=True)
                shutil.copy(source, place)

    assert content_tag(tmp_path) == content_tag()


def test_a_part_of_the_content_that_is_missing_is_named(project):
    (project / "requirements-gpu.txt").unlink()

    with pytest.raises(Failure, match=r"/requirements-gpu\.txt is missing, .*kubeflow\.image"):
        content_tag(project)


@pytest.mark.parametrize("image", ["toy:1", "some-host:5000/toy:1", "toy@sha256:" + "0" * 64])
def test_an_image_with_a_tag_or_a_digest_keeps_it(image):
    assert with_tag(image) == image


@pytest.mark.parametrize("image", ["toy", "some-host:5000/toy"])
def test_an_image_without_one_gets_the_contents(image):
    assert with_tag(image, "-gpu") == f"{image}:{content_tag()}-gpu"


def test_the_manifests_are_objects_of_kubernetes():
    files = sorted((PROJECT / "kfp" / "manifests").glob("*.yaml"))
    objects = [o for file in files for o in yaml.safe_load_all(file.read_text())]

    assert {o["kind"] for o in objects} >= {
        "PersistentVolumeClaim",
        "ServiceAccount",
        "Deployment",
        "Service",
        "Kustomization",
    }
    assert all(o["apiVersion"] for o in objects)
    assert not any(o["kind"] == "Secret" for o in objects)  # a secret is in no file


def test_serving_reads_the_volume_that_the_pusher_writes():
    files = (PROJECT / "kfp" / "manifests").glob("*.yaml")
    objects = {o["kind"]: o for f in files for o in yaml.safe_load_all(f.read_text())}
    pod = objects["Deployment"]["spec"]["template"]["spec"]

    [claim] = [v["persistentVolumeClaim"] for v in pod["volumes"]]
    assert claim["claimName"] == objects["PersistentVolumeClaim"]["metadata"]["name"]
    assert pod["containers"][0]["volumeMounts"][0]["readOnly"]
