"""Models broken on purpose are stopped with the cause in the message; a good one passes."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfx.types import channel_utils, standard_artifacts

from components.model_store.model_files import model_fingerprint
from components.serving_check.component import ServingCheck
from failures import SurroundingsFailure
from files import tfrecords
from settings.data import Features
from settings.serving import Serving
from tests.components.pictures import png_of_a_damaged_text
from tests.components.serving_check.small_models import LABELS, SIDE, encoded, example


@pytest.mark.slow
def test_a_good_model_serves_and_is_pushed_with_its_latency_and_memory_recorded(room, tmp_path):
    summary, _, pushed = room.check(room.model())
    assert summary.startswith("serves: p50 ")
    assert pushed
    report = json.loads((tmp_path / "infra" / "serving.json").read_text())
    assert report["server"] == "TensorFlow C library"
    assert 0 < report["challenger"]["p50_ms"] <= report["challenger"]["p99_ms"] < 1000
    assert 20 < report["challenger"]["memory_mb"] < 2000


@pytest.mark.slow
def test_requests_are_of_the_split_that_the_trainer_answered(room, tmp_path):
    (tmp_path / "examples" / "Split-test").rename(tmp_path / "examples" / "Split-train")
    given = {
        "examples": room.artifact(standard_artifacts.Examples, "examples"),
        "model": room.model(),
        "champion": room.artifact(standard_artifacts.Model, "no champion"),
    }
    given["examples"].split_names = '["train", "eval"]'
    answers = tmp_path / "model" / "expected_answers.json"
    answers.write_text(json.dumps(json.loads(answers.read_text()) | {"split": "train"}))
    infra = room.artifact(standard_artifacts.InfraBlessing, "infra")
    channels = {name: channel_utils.as_channel([artifact]) for name, artifact in given.items()}
    check = ServingCheck(**channels, height=8, width=8, channels=1)
    check.executor_spec.executor_class().Do(
        {name: [artifact] for name, artifact in given.items()},
        {"infra_blessing": [infra]},
        check.exec_properties,
    )
    assert infra.get_string_custom_property("summary").startswith("serves: p50 ")


@pytest.mark.slow
def test_a_model_serves_where_python_itself_needs_the_path_of_its_libraries(
    room, tmp_path, monkeypatch
):
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$LD_LIBRARY_PATH" = /opt/lib ] && exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    summary, _, pushed = room.check(room.model())
    assert summary.startswith("serves: p50 ")
    assert pushed


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("echo no libraries >&2; exit 127", "does not start: exit code 127: no libraries"),
        ("kill -9 $$", r"was killed \(signal 9\)"),
    ],
)
def test_a_process_that_never_saw_the_model_is_no_verdict_on_it(
    line, cause, room, tmp_path, monkeypatch
):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{line}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(SurroundingsFailure, match=f"^ServingCheck: .*{cause}.*again"):
        room.check(room.model())


def test_a_champion_that_is_killed_keeps_no_smaller_model_out(room, tmp_path, monkeypatch):
    python = tmp_path / "python"
    first = f'mkdir {tmp_path}/began 2>/dev/null && exec {sys.executable} "$@"'
    python.write_text(f"#!/bin/sh\n{first}\nkill -9 $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    summary, _, pushed = room.check(room.model(), room.model("champion"))
    assert summary.startswith("serves: p50 ")
    assert pushed


def test_a_model_of_large_images_is_asked_for_each_image_and_no_more_at_once(room, pictures):
    summary, _, pushed = room.check(room.model(sees=4096, nan_above=len(pictures)))
    assert summary.startswith("serves: p50 ")
    assert pushed


@pytest.mark.slow
def test_a_model_is_asked_for_several_images_at_once_however_large_they_are(room, pictures):
    room.pictures = pictures[:1]
    summary, _, _ = room.check(room.model(sees=4096, nan_above=1))
    assert "probabilities that are NaN or infinite" in summary


FAULTS = {
    "label order": ({"labels": LABELS[::-1], "names": LABELS}, "gives the label"),
    "vocabulary order": (
        {"names": LABELS[::-1]},
        "labels, or their order, differ from the training's",
    ),
    "transform graph": ({"darker": 1}, "its transform graph is not the training's"),
    "batch of one": ({"one_crashes": True}, "serving_default with a batch of 1 failed"),
    "large batch": ({"large_differs": True}, "other probabilities than the training (large batch"),
    "file found by chance": (
        {"needs": "assets/labels"},
        "serving_default with a batch of 1 failed",
    ),
    "NaN": ({"nan_above": 0}, "probabilities that are NaN or infinite"),
    "garbage answered": ({"on_corrupt": "answer"}, "answers a corrupt image as if it were intact"),
    "garbage kills": ({"on_corrupt": "die"}, "serving_default after a corrupt image failed: exit"),
    "mask": ({"task": "segmentation", "mask_shift": 1}, "classes are not the most probable ones"),
    "segmentation's transform graph": (
        {"task": "segmentation", "darker": 1},
        "its transform graph is not the training's",
    ),
    "segmentation's large batch": (
        {"task": "segmentation", "large_differs": True},
        "other probabilities than the training (large batch",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_model_is_stopped_with_the_cause_and_never_pushed(room, fault):
    broken, cause = FAULTS[fault]
    summary, push, pushed = room.check(room.model(**broken))
    assert cause in summary
    assert cause in push
    assert not pushed


@pytest.mark.slow
def test_a_good_segmentation_model_serves_and_is_pushed(room):
    summary, _, pushed = room.check(room.model(task="segmentation"))
    assert summary.startswith("serves: p50 ")
    assert pushed


@pytest.mark.slow
def test_an_example_with_a_corrupt_mask_that_transform_dropped_is_no_request(room, pictures):
    [shard] = (room.folder / "examples" / "Split-test").iterdir()
    corrupt = tfrecords.frame(example(encoded(pictures[0]), b"no mask"))
    shard.write_bytes(corrupt + shard.read_bytes())
    features = Features.of(mask_feature="mask", mask_classes={"dark": 0, "bright": 255})
    summary, _, _ = room.check(room.model(task="segmentation"), features=features)
    assert summary.startswith("serves: p50 ")


def test_requests_are_made_of_the_first_examples_of_whichever_shards_have_them(room, pictures):
    [shard] = (room.folder / "examples" / "Split-test").iterdir()
    shard.unlink()
    examples = [tfrecords.frame(example(encoded(picture))) for picture in pictures]
    for number, content in enumerate([b"", examples[0], b"".join(examples[1:])]):
        shard.with_name(f"data-0000{number}-of-00003").write_bytes(content)
    summary, _, pushed = room.check(room.model())
    assert summary.startswith("serves: p50 ")
    assert pushed


@pytest.mark.slow
@pytest.mark.parametrize("turned", [False, True])
def test_an_example_of_damaged_exif_is_a_request_where_transform_kept_it(room, pictures, turned):
    image = png_of_a_damaged_text((SIDE, SIDE), colour=0)
    if not turned:  # The Trainer answered it.
        room.pictures = np.stack([tf.io.decode_png(image)[..., 0], *pictures[:-1]])
    [shard] = (room.folder / "examples" / "Split-test").iterdir()
    shard.write_bytes(tfrecords.frame(example(image)) + shard.read_bytes())
    summary, _, _ = room.check(room.model(), exif_orientation=turned)
    assert summary.startswith("serves: p50 ")


@pytest.mark.slow
def test_a_missing_asset_is_named(room, tmp_path):
    model = room.model()
    (tmp_path / "model" / "Format-Serving" / "assets" / "labels").unlink()
    summary, _, pushed = room.check(model)
    assert "the asset assets/labels is missing" in summary
    assert not pushed


@pytest.mark.slow
def test_a_model_ten_times_slower_than_the_champion_is_stopped(room):
    summary, _, pushed = room.check(room.model(slow=12), room.model("champion"))
    assert "times the champion's, above max_slowdown 5" in summary
    assert not pushed


@pytest.mark.slow
def test_a_latency_above_the_limit_is_stopped(room):
    summary, _, pushed = room.check(room.model(slow=3), max_latency_ms=2.0)
    assert "is above max_latency_ms 2" in summary
    assert not pushed


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_the_pushed_model_answers_the_requests_that_it_is_warmed_up_with(room, tmp_path, task):
    model = room.model(task=task)
    assert room.check(model, serving=Serving(warm_up=True))[2]
    pushed = str(tmp_path / "pushed" / "1")
    file = f"{pushed}/assets.extra/tf_serving_warmup_requests"
    logs = map(prediction_log_pb2.PredictionLog.FromString, tfrecords.records(file))
    requests = [log.predict_log.request for log in logs]
    asked = [request.model_spec.signature_name for request in requests]
    assert asked == ["serving_default", "serve_examples", "transform_features"]
    served = tf.saved_model.load(pushed)
    for request in requests:
        [(name, tensor)] = request.inputs.items()
        signature = served.signatures[request.model_spec.signature_name]
        answers = signature(**{name: tf.constant(tf.make_ndarray(tensor))})
        assert [len(answer) for answer in answers.values()] == [1] * len(answers)
    # They do not make it another model: the same push again finds it.
    assert model_fingerprint(pushed) == model_fingerprint(f"{model.uri}/Format-Serving")


@pytest.mark.slow
def test_without_the_key_nothing_is_there_to_warm_up_with(room, tmp_path):
    assert room.check(room.model())[2]
    assert not list(tmp_path.rglob("*warmup*"))
