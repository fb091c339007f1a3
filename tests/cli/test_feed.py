"""The verb `feed`: does this machine feed an accelerator that is not here?"""

import json
from xml.etree import ElementTree

import pytest

from cli.command_line import main
from components.trainer.certification.accelerators import PUBLISHED, accelerator
from components.trainer.certification.certify import certify, inputs
from failures import ConfigurationError
from pipeline.transformed import train_files
from settings.reading import load


@pytest.mark.slow
def test_a_slow_accelerator_is_fed_by_every_strategy(digits_run, tmp_path, capfd):
    folder = tmp_path / "feed"
    cache = ("--set", f"training.input.cache_dir={tmp_path / 'cache'}")
    words = [*digits_run.place, *cache, "--accelerator", "200", "--output", str(folder)]
    code = main(["feed", *words])

    assert code == 0
    screen = capfd.readouterr().out
    found = json.loads((folder / "feed.json").read_text())
    assert [one["strategy"] for one in found["strategies"]] == ["memory", "disk", "streaming"]
    for one in found["strategies"]:
        assert one["utilisation"] > 0.9
        assert one["accelerators"] >= 1
        assert one["strategy"] in screen
    assert ElementTree.parse(folder / "feed.svg").getroot().tag.endswith("svg")


@pytest.mark.slow
def test_an_accelerator_that_no_input_can_feed_is_said_to_wait(digits_run):
    configuration = load(digits_run.place[1], list(digits_run.place[3::2]))
    files = train_files(configuration.root)
    batch_size = configuration.training.batch_size
    [build] = inputs(configuration, files, ["memory"])

    fed = certify(build, accelerator("0.001", batch_size), batch_size)

    assert not fed.enough
    assert fed.utilisation < 0.5
    assert fed.accelerators == 0
    assert fed.cores > 1


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
