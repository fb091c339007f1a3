"""The verb `feed`: does this machine feed an accelerator that is not here?

What needs the machine for itself is in test_feed_measured.py.
"""

import functools
import json
import re

import pytest

from cli.command_line import main
from components.trainer.certification.accelerators import PUBLISHED, accelerator
from components.trainer.certification.certify import inputs
from failures import ConfigurationError
from tests.cli.conftest import CERTIFICATION


@pytest.mark.slow
@pytest.mark.usefixtures("quickly")
def test_an_accelerator_that_no_input_can_feed_is_said_to_wait(
    digits_run, tmp_path, monkeypatch, capfd
):
    from_memory = functools.partial(inputs, strategies=["memory"])
    monkeypatch.setattr(f"{CERTIFICATION}.inputs", from_memory)
    words = [*digits_run.place, "--accelerator", "0.001", "--output", str(tmp_path)]
    code = main(["feed", *words])

    assert code == 1
    screen = capfd.readouterr().out
    assert "waits, below 90%" in screen
    assert "enough for 0 of them" in screen
    [found] = json.loads((tmp_path / "feed.json").read_text())["strategies"]
    assert found["strategy"] == "memory"
    assert found["utilisation"] < 0.5
    assert found["cores"] > 1


@pytest.mark.slow
@pytest.mark.usefixtures("quickly")
def test_a_strategy_that_is_not_possible_is_named_with_why(digits_run, monkeypatch, capfd):
    monkeypatch.setattr("components.trainer.input.jpeg.available", lambda: False)
    only = functools.partial(inputs, strategies=["compressed"])
    monkeypatch.setattr(f"{CERTIFICATION}.inputs", only)

    assert main(["feed", *digits_run.place, "--accelerator", "50"]) == 1
    said = "compressed not possible: the packages simplejpeg and OpenCV are not installed"
    assert said in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("quickly")
def test_what_exceeds_the_memory_that_is_allowed_is_not_tried(
    digits_run, tmp_path, monkeypatch, capfd
):
    some = functools.partial(inputs, strategies=["memory", "compressed", "streaming"])
    monkeypatch.setattr(f"{CERTIFICATION}.inputs", some)
    limit = ("--set", "training.input.memory_limit_mb=0.05")

    words = ["--accelerator", "50", "--output", str(tmp_path)]
    main(["feed", *digits_run.place, *limit, *words])
    said = capfd.readouterr().out
    kept = json.loads((tmp_path / "feed.json").read_text())["impossible"]
    assert kept.keys() == {"memory", "compressed"}
    for strategy in ("memory", "compressed"):
        assert re.search(rf"{strategy} +not possible: .*B exceed the 52.4 kB allowed", said)
    assert "streaming  utilisation" in said


def test_a_root_without_a_run_is_one_line(tmp_path, capfd):
    root = f"root={tmp_path}"
    code = main(["feed", "--config", "configs/digits.yaml", "--set", root, "--accelerator", "h100"])

    assert code == 1
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("given", ["tpu", "0", "-3", "nan", "inf", "", "1e9"])
def test_an_unknown_accelerator_is_refused_with_what_is_allowed(given):
    with pytest.raises(ConfigurationError, match="allowed: a100, h100, b200"):
        accelerator(given, 32)


def test_milliseconds_are_those_of_a_step_on_one_batch():
    assert accelerator("20", 64).images_per_second == pytest.approx(3200)
    assert accelerator("h100", 64).images_per_second == pytest.approx(PUBLISHED["h100"][1] / 0.224)


@pytest.mark.slow
def test_a_file_where_the_folder_should_be_is_reported_before_anything_is_measured(
    digits_run, tmp_path, capfd
):
    (tmp_path / "file").touch()
    words = [*digits_run.place, "--accelerator", "50", "--output", str(tmp_path / "file")]
    assert main(["feed", *words]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"steadyfeed: {tmp_path}/file cannot be written: File exists")
