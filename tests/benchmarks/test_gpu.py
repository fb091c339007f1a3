import json

import pytest

from benchmarks.gpu.__main__ import measure
from benchmarks.gpu.parts import SMALL, parts


@pytest.mark.slow
def test_the_step_fed_and_its_ceiling_are_measured_in_turn_without_a_gpu(tmp_path):
    todo = parts(SMALL, tmp_path / "data")
    names = ("machine", "transfers", "small_cnn, jpeg", "unet, memory, without XLA")
    chosen = {name: todo[name] for name in (*names, "trainer, small_cnn, planned")}

    found = measure(chosen, tmp_path / "gpu.json", 300)

    assert found["machine"]["gpus"] == []
    assert found["transfers"] == {}
    step = found["small_cnn, jpeg"]
    assert step["strategy"] == "streaming"
    assert len(step["ratios"]) == SMALL.rounds
    assert step["real"] > 0
    assert step["input_alone"] > 0
    assert found["unet, memory, without XLA"]["real"] > 0
    assert found["trainer, small_cnn, planned"]["plan"]["strategy"] == "memory"
    assert 0 <= step["emulated"]["wait_share"] < 1
    assert json.loads((tmp_path / "gpu.json").read_text()) == json.loads(json.dumps(found))


def test_a_part_that_fails_is_reported_and_the_others_are_measured(tmp_path):
    found = measure(
        {"first": lambda: {}["missing"], "second": lambda: {"rate": 1}}, tmp_path / "gpu.json", 300
    )

    assert found == {"first": {"error": "KeyError: 'missing'"}, "second": {"rate": 1}}


def test_no_part_begins_after_the_time_allowed(tmp_path):
    found = measure({"only": lambda: {"rate": 1}}, tmp_path / "gpu.json", -1)

    assert "skipped" in found["only"]


def test_a_second_call_measures_only_what_is_missing(tmp_path):
    calls = []
    todo = {
        "first": lambda: calls.append("first") or {"rate": 1},
        "second": lambda: calls.append("second") or ({"rate": 2} if len(calls) > 2 else {}["x"]),
    }
    measure(todo, tmp_path / "gpu.json", 300)

    found = measure(todo, tmp_path / "gpu.json", 300)

    assert found == {"first": {"rate": 1}, "second": {"rate": 2}}
    assert calls == ["first", "second", "second"]
