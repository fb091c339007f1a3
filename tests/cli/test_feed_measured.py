"""What the verb `feed` measures of all that a run left."""

import functools
import json
from xml.etree import ElementTree

import pytest

from cli.command_line import main
from components.trainer.certification.certify import inputs
from tests.cli.conftest import CERTIFICATION


@pytest.mark.slow
@pytest.mark.measured
@pytest.mark.usefixtures("quickly")
def test_a_slow_accelerator_is_fed_by_every_strategy(digits_run, tmp_path, capfd):
    folder = tmp_path / "feed"
    cache = ("--set", f"training.input.cache_dir={tmp_path / 'cache'}")
    words = [*digits_run.place, *cache, "--accelerator", "50", "--output", str(folder)]
    code = main(["feed", *words])

    assert code == 0
    screen = capfd.readouterr().out
    found = json.loads((folder / "feed.json").read_text())
    needed = found["accelerator"]["images"] / found["accelerator"]["seconds"]
    strategies = [one["strategy"] for one in found["strategies"]]
    assert strategies == ["memory", "disk", "compressed", "streaming"]
    for one in found["strategies"]:
        assert one["utilisation"] > 0.9
        # Of a fifth of a second, the speed can be any on a machine that others use too.
        assert one["accelerators"] == one["images_per_second"] // (0.9 * needed)
        assert one["strategy"] in screen
    assert ElementTree.parse(folder / "feed.svg").getroot().tag.endswith("svg")


@pytest.mark.slow
@pytest.mark.measured
@pytest.mark.usefixtures("quickly")
def test_a_cache_that_cannot_be_written_rules_out_the_disk_alone(
    digits_run, tmp_path, monkeypatch, capfd
):
    (tmp_path / "file").touch()
    cache = ("--set", f"training.input.cache_dir={tmp_path}/file/cache")
    some = functools.partial(inputs, strategies=["disk", "memory"])
    monkeypatch.setattr(f"{CERTIFICATION}.inputs", some)

    assert main(["feed", *digits_run.place, *cache, "--accelerator", "50"]) == 0
    said = capfd.readouterr().out
    assert f"disk       not possible: The input cache in {tmp_path}/file/cache cannot be" in said
    assert "memory     utilisation" in said
