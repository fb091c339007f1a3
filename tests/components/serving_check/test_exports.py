"""Files in other formats are made of the served network, compared with it, and pushed with it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.model_store.model_files import model_fingerprint
from components.model_store.restoring import roll_back
from components.model_store.versions import list_versions
from failures import Failure
from settings.serving import Serving
from tests.components.serving_check.small_models import probabilities_of

BOTH = Serving(export=["tflite_float16", "tflite_int8"])
ONE = Serving(export=["tflite_float16"])


def answers_of(file, pictures):
    """What a TFLite file answers to pictures (n, height, width) uint8, one by one."""
    runner = tf.lite.Interpreter(str(file)).get_signature_runner()
    return np.concatenate(
        [runner(pixels=one[None, ..., None])["probabilities"] for one in pictures]
    )


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_both_tflite_files_answer_like_the_model_and_stand_beside_it(
    room, tmp_path, pictures, task
):
    model = room.model(task=task)
    summary, _, pushed = room.check(model, transformed=room.transformed(), serving=BOTH)
    assert pushed
    report = json.loads((tmp_path / "infra" / "serving.json").read_text())["exports"]
    expected = probabilities_of(pictures, task).numpy()
    version = tmp_path / "pushed" / "1"
    for name, bound in (("float16", 1e-3), ("int8", 0.03)):
        file = version / "exports" / f"{name}.tflite"
        off = np.abs(answers_of(file, pictures) - expected).max()
        assert off <= bound
        reported = report[f"tflite_{name}"]
        assert reported["difference"] == pytest.approx(off, abs=1e-6)
        assert reported["bytes"] == file.stat().st_size
        assert f"; tflite_{name} " in summary
    # They do not make it another model.
    assert model_fingerprint(str(version)) == model_fingerprint(f"{model.uri}/Format-Serving")
    assert tf.saved_model.load(str(version)).signatures


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_an_onnx_file_answers_batches_like_the_model(room, tmp_path, pictures, task):
    import onnxruntime

    summary, _, pushed = room.check(room.model(task=task), serving=Serving(export=["onnx"]))
    assert pushed
    assert "; onnx " in summary
    file = str(tmp_path / "pushed" / "1" / "exports" / "model.onnx")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    [answers] = session.run(["probabilities"], {"pixels": pictures[..., None]})
    np.testing.assert_allclose(answers, probabilities_of(pictures, task), atol=1e-6)


@pytest.mark.slow
def test_an_image_without_the_packages_of_onnx_is_reported_in_one_line(room, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "components.serving_check.export_onnx", raising=False)
    with pytest.raises(Failure, match=r"export onnx needs the package onnxruntime, which is not"):
        room.check(room.model(), serving=Serving(export=["onnx"]))


@pytest.mark.slow
def test_an_operation_that_onnx_lacks_stops_the_push(room):
    summary, _, pushed = room.check(
        room.model(not_exportable=True), serving=Serving(export=["onnx"])
    )
    assert "the model cannot be made onnx: " in summary
    assert not pushed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (
            {"network_differs": True},
            "tflite_float16 is off by up to 0.2, above export_tolerance 0.1",
        ),
        ({"not_exportable": True}, "the model cannot be made tflite_float16: "),
    ],
)
def test_a_file_that_differs_or_cannot_be_made_stops_the_push(room, tmp_path, fault, cause):
    summary, push, pushed = room.check(room.model(**fault), serving=ONE)
    assert cause in summary
    assert cause in push
    assert "\n" not in summary
    assert not pushed
    assert not list(tmp_path.rglob("*.tflite"))


@pytest.mark.slow
def test_a_model_is_pushed_again_for_files_that_its_version_lacks_and_not_twice(room, tmp_path):
    model, destination = room.model(), str(tmp_path / "pushed")
    keys = {"transformed": room.transformed()}
    assert room.check(model, **keys)[2]
    for _ in range(2):
        room.check(model, **keys, serving=ONE)
        made = [version.record.exports for version in list_versions(destination)]
        assert made == [(), ("exports/float16.tflite",)]
    # A version's files go with it into a rollback.
    roll_back(destination)
    assert roll_back(destination, 2).record.exports == ("exports/float16.tflite",)
    assert Path(destination, "4", "exports", "float16.tflite").exists()


@pytest.mark.slow
def test_int8_without_training_images_is_refused_in_one_line(room):
    with pytest.raises(Failure, match="tflite_int8 needs transformed_examples") as refused:
        room.check(room.model(), serving=Serving(export=["tflite_int8"]))
    assert "\n" not in str(refused.value)
