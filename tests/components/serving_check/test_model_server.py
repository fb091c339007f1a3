"""Where tensorflow_model_server is on PATH it is asked, over REST and gRPC, and ended.

The real binary is in no registry of Python or Debian, so unless this machine has it, a
stand-in is on PATH: model_server_double.py, which speaks the same protocols.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from components.serving_check import model_server
from components.serving_check.requests import Requests
from components.serving_check.served import serve
from failures import Failure
from tests.components.serving_check import model_server_double
from tests.components.serving_check.small_models import LABELS, save_model
from tests.processes import Fork, start

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Puts a model server on PATH, the real one if there is one; gives what is still running."""
    if shutil.which("tensorflow_model_server") is None:
        double = model_server_double.__file__
        put_on_path(tmp_path, monkeypatch, f'exec "{sys.executable}" "{double}" "$@"')
    return servers_running


@pytest.fixture
def server_in_a_fork(server, tmp_path, monkeypatch):
    """The same, but the stand-in is forked with TensorFlow imported."""
    on_path, forks = shutil.which("tensorflow_model_server"), []
    if not on_path.startswith(str(tmp_path)):
        return server

    def begin(command, **how):
        flags = command[command.index(on_path) + 1 :]
        forks.append(Fork([sys.executable, "-m", model_server_double.__name__, *flags], **how))
        return forks[-1]

    stand_in = SimpleNamespace(**vars(subprocess) | {"Popen": begin})
    monkeypatch.setattr(model_server, "subprocess", stand_in)
    return lambda: [fork for fork in forks if fork.poll() is None]


def put_on_path(tmp_path, monkeypatch, line):
    script = tmp_path / "bin" / "tensorflow_model_server"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n{line}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


def servers_running():
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if "--model_base_path=" in line]


@pytest.mark.parametrize(
    ("task", "started"),
    [
        ("classification", "server"),
        ("multi_label", "server_in_a_fork"),
        ("segmentation", "server_in_a_fork"),
    ],
)
def test_a_good_model_is_asked_over_both_protocols_and_the_server_ends(
    task, started, room, request, tmp_path
):
    running = request.getfixturevalue(started)
    _, _, pushed = room.check(room.model(task=task))
    report = json.loads((tmp_path / "infra" / "serving.json").read_text())
    assert pushed, report
    assert report["server"].startswith("tensorflow_model_server ")
    assert report["server"].endswith(" over REST and gRPC")
    protocols = report["challenger"]["protocols"]
    assert set(protocols) == {"REST", "gRPC"}
    assert all(0 < each["p50_ms"] <= each["p99_ms"] for each in protocols.values())
    assert report["challenger"]["p99_ms"] == max(each["p99_ms"] for each in protocols.values())
    assert report["challenger"]["memory_mb"] > 20
    assert running() == []


FAULTS = {
    "label order": ({"labels": LABELS[::-1], "names": LABELS}, "label"),
    "garbage kills": ({"on_corrupt": "die"}, "serving_default after a corrupt image failed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_model_is_stopped(fault, room, server_in_a_fork):
    broken, cause = FAULTS[fault]
    summary, _, pushed = room.check(room.model(**broken))
    assert cause in summary
    assert not pushed
    assert server_in_a_fork() == []


def test_a_model_that_does_not_load_is_stopped_with_what_the_server_said(
    room, server_in_a_fork, tmp_path
):
    model = room.model()
    variables = tmp_path / "model" / "Format-Serving" / "variables" / "variables.index"
    variables.write_bytes(b"no index")
    summary, _, pushed = room.check(model)
    assert "loading failed: " in summary
    assert not pushed
    assert server_in_a_fork() == []


def check(model):
    names = ("serving_default", "serve_examples", "transform_features")
    serve({"model": model}, Requests({key: [b"image"] for key in names}, {}), 64, "classification")


def test_a_killed_check_leaves_no_server_behind(server, tmp_path):
    save_model(tmp_path / "model")
    process = start(check, str(tmp_path / "model"), log=tmp_path / "log")
    wait_until(servers_running)
    process.kill()
    process.wait()
    wait_until(lambda: not servers_running())


def wait_until(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_server_that_does_not_run_is_not_the_models_fault(room, tmp_path, monkeypatch):
    put_on_path(tmp_path, monkeypatch, "exit 127")
    with pytest.raises(Failure, match=r"does not run.*take it off PATH"):
        room.check(room.model())
