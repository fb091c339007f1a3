"""What a serving check and its exports need is missed before the run."""

import sys

import pytest

from components.serving_check import installed
from failures import Failure
from settings.reading import load
from tests.settings.digits_mistakes import DIGITS, mistakes


def test_requests_to_warm_up_with_need_the_check_that_makes_them():
    assert load(DIGITS, ["serving.warm_up=true"]).serving.warm_up
    [line] = mistakes(DIGITS, "serving.warm_up=true", "serving.check=false")
    assert line.endswith("warm_up: given true; allowed: false, or with check: true")


def test_exported_files_need_the_check_that_compares_them():
    assert load(DIGITS, ["serving.export=[onnx]"]).serving.export == ["onnx"]
    [line] = mistakes(DIGITS, "serving.export=[onnx]", "serving.check=false")
    assert line.endswith("export: given with check: false; allowed: with check: true")
    [line] = mistakes(DIGITS, "serving.export=[onnx, onnx]")
    assert "given ['onnx', 'onnx']; allowed: each once" in line


@pytest.mark.parametrize("limit", ["max_latency_ms", "max_memory_mb"])
def test_limits_need_the_check_that_measures_what_they_limit(limit):
    assert getattr(load(DIGITS, [f"serving.{limit}=5"]).serving, limit) == 5
    [line] = mistakes(DIGITS, f"serving.{limit}=5", "serving.check=false")
    assert line.endswith(f"{limit}: given with check: false; allowed: with check: true")


def test_a_package_that_an_export_needs_is_missed_before_the_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Failure, match=r"^serving\.export: onnx needs onnxruntime and tf2onnx, not"):
        installed.check(load(DIGITS, ["serving.export=[onnx]"]).serving)
    installed.check(load(DIGITS, ["serving.export=[tflite_int8]"]).serving)
