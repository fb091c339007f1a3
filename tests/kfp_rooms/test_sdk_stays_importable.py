"""A folder has the SDK's name; the SDK wins, and takes the folder's modules in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kfp.image_tag import CONTENT, LEFT_OUT, PROJECT

FOLDER = PROJECT / "kfp"


def python(*words, cwd=PROJECT, **environment):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sdk_folder():
    import kfp

    return Path(kfp.__file__).parent


def test_in_tests_kfp_is_the_sdk_and_has_our_modules():
    import kfp.dsl
    import kfp.pipeline_spec.pipeline_spec_pb2

    import kfp.compile_package

    assert "site-packages" in kfp.__file__
    assert Path(kfp.compile_package.__file__).parent == FOLDER
    assert "site-packages" in kfp.dsl.__file__


@pytest.mark.slow
def test_from_the_root_kfp_is_the_sdk():
    printed = python("-c", "import kfp, kfp.dsl; print(kfp.__version__, kfp.Client)")

    assert printed.startswith("2.")


@pytest.mark.slow
def test_a_module_of_ours_runs_with_python_m():
    assert python("-m", "kfp.image_tag").strip().isalnum()


def test_the_folder_is_not_a_package_of_its_own():
    assert not (FOLDER / "__init__.py").exists()


def test_no_module_of_ours_has_the_name_of_one_of_the_sdks():
    theirs = {path.stem for path in sdk_folder().iterdir()} | {"kubernetes"}
    ours = {path.stem for path in FOLDER.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert not ours & (theirs - {"__pycache__"})


@pytest.fixture
def image(tmp_path):
    """A folder with what kfp/Dockerfile copies, laid out as in the image."""
    left_out = shutil.ignore_patterns(*LEFT_OUT, "*.md")
    for name in CONTENT:
        source, target = PROJECT / name, tmp_path / "app" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=left_out)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return tmp_path / "app"


def test_in_the_image_the_entrypoint_runs_from_any_folder(image, tmp_path):
    printed = python(
        "-m", "kfp.entrypoint", "--help", cwd=tmp_path, PYTHONPATH=str(image), _KFP_RUNTIME="true"
    )

    assert "--executor_class_path" in printed


@pytest.mark.slow
def test_in_the_image_the_sdks_client_is_there_as_well(image, tmp_path):
    code = "import kfp, kfp.entrypoint; print(kfp.Client, kfp.entrypoint.__file__)"
    printed = python("-c", code, cwd=tmp_path, PYTHONPATH=str(image))

    assert str(image) in printed


def test_tfx_finds_the_sdk_and_so_its_kubeflow_runner():
    """With the SDK shadowed, TFX would swallow the ImportError and lose the runner."""
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

    assert kubeflow_v2_dag_runner.KubeflowV2DagRunner
