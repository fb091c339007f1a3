import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.command_line import main
from kfp.backend_launcher import place_of
from kfp.run_package import run_package
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step, Volume
from tests.processes import Fork

pytestmark = pytest.mark.slow

STORES = ("minio://bucket/v2/artifacts", "s3://bucket/runs", "gs://bucket/runs/")


@pytest.fixture
def run_toy(toy_package, tmp_path, run_here):
    def run(parameters=(), root=STORES[0], **given):
        package = toy_package("toy.yaml", tmp_path / "pushed", **given)
        return run_package(package, parameters, root, tmp_path / "work", run_command=run_here)

    return run


def run_verb(package, *words, work):
    return main(["run-package", str(package), *words, "--work", str(work)])


def statuses(run):
    return {outcome.component: outcome.status for outcome in run.outcomes}


@pytest.mark.parametrize("root", STORES)
def test_runs_to_the_end_whatever_the_object_store(run_toy, tmp_path, root):
    run = run_toy(root=root)
    bucket = tmp_path / "work" / "bucket"

    assert set(statuses(run).values()) == {"ran"}
    assert run.outcomes[-1].made == "serves 15.0"
    assert (tmp_path / "pushed" / "total").read_text() == "15.0"
    uri = run.made["Serve"].artifacts["answer"]["uri"]
    assert uri.startswith(root.rstrip("/") + "/toy/")
    # Its executor moved it, and the next step looks in the store.
    pushed = run.made["Push"].artifacts["pushed"]
    assert pushed["uri"].startswith(root.split("/")[0])
    assert (place_of(pushed["uri"], bucket) / "total").read_text() == "15.0"
    # What a step wrote is kept.
    log = run.made["Count"].artifacts["executor-logs"]["uri"]
    assert place_of(log, bucket).is_file()


def test_parameters_replace_a_whole_property_and_a_key_within_one(run_toy, tmp_path):
    run_toy(["count=2", "factor=10"])

    assert (tmp_path / "pushed" / "total").read_text() == str((1 + 2) * 1.5 * 10)


def test_a_step_that_fails_says_why_and_leaves_its_log_alone(run_toy, tmp_path):
    run = run_toy(["factor=-1"])

    failed = run.outcomes[-1]
    assert (failed.component, failed.status) == ("Judge", "failed")
    assert "Judge failed: the total is -15.0, below 0. Give a positive scale." in failed.made
    assert "Judge" not in run.made
    left = [p for p in (tmp_path / "work" / "bucket").glob("**/Judge/**/*") if p.is_file()]
    assert [path.name for path in left] == ["executor-logs-0"]
    assert str(left[0]) in failed.made


@pytest.mark.slow
def test_a_volume_is_a_folder_that_lasts_from_run_to_run(toy_package, tmp_path, run_here):
    volume = Volume(claim="models", mount_path="/models")
    kubeflow = Kubeflow(image="toy:1", steps={"Push": Step(volumes=[volume])})
    package = toy_package("volume.yaml", "/models/toy", kubeflow=kubeflow)

    for count in ("count=4", "count=5"):
        run = run_package(package, [count], STORES[0], tmp_path, run_command=run_here)
        assert not run.failed

    assert (tmp_path / "volumes" / "models" / "toy" / "total").read_text() == "22.5"


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (
            "cuont=3",
            "--param cuont: not a parameter of this package; allowed: count",
        ),
        ("count=three", "--param count: given 'three'; allowed: a NUMBER_INTEGER"),
        ("count", "--param count; allowed: name=value"),
    ],
)
def test_a_wrong_parameter_is_one_line(toy_package, tmp_path, capsys, parameter, message):
    package = toy_package("toy.yaml", tmp_path)

    assert run_verb(package, f"--param={parameter}", work=tmp_path / "work") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "work").exists()


def test_a_root_that_is_not_an_object_store_is_reported(toy_package, tmp_path, capsys):
    package = toy_package("toy.yaml", tmp_path)

    assert run_verb(package, "--root=/data", work=tmp_path / "work") == 2
    assert "--root /data: not an object store" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.yaml", None, "cannot be read"),
        ("job.json", "{}", "the backend accepts .yaml files"),
        ("torn.yaml", "a: [", "not YAML"),
        ("other.yaml", "a: 1", "one pipeline spec"),
    ],
)
def test_a_file_that_is_not_a_package_is_one_line(tmp_path, capsys, name, text, message):
    if text is not None:
        Path(tmp_path / name).write_text(text)

    assert run_verb(tmp_path / name, work=tmp_path / "work") == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def one_fresh(monkeypatch):
    """The first step is a process as users have it; the others are forked and import anew."""
    begun = []

    def run(command, **how):
        begun.append(command)
        if len(begun) == 1:
            return subprocess.run(command, **how)
        step = Fork(command, anew=True, **how | {"stderr": how["stdout"]})
        return SimpleNamespace(returncode=step.wait())

    stand_in = SimpleNamespace(run=run, DEVNULL=subprocess.DEVNULL, STDOUT=subprocess.STDOUT)
    monkeypatch.setattr("kfp.backend_launcher.subprocess", stand_in)
    return begun


@pytest.mark.slow
def test_a_failed_step_in_a_process_of_its_own_ends_with_code_1(
    toy_package, tmp_path, capsys, one_fresh
):
    package = toy_package("toy.yaml", tmp_path / "pushed")

    # Here alone, a step ends well in a process that begins with nothing imported.
    assert run_verb(package, "--param=factor=-1", work=tmp_path / "work") == 1
    assert "the total is -15.0, below 0" in capsys.readouterr().out
    assert len(one_fresh) == 3
