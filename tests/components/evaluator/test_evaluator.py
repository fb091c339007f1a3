"""What the Evaluator measures, whom it blesses, and what it says."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from PIL import Image

from components.evaluator.reading import read_reliability, read_verdict
from components.trainer.temperature import Calibration
from failures import Failure
from tests.components.evaluator.brightness_model import LEVELS, example
from tests.components.evaluator.conftest import PETS
from tests.components.pictures import png_of_a_damaged_text

OWLS_FOR_DOGS = {"answers": [0, 2, 2]}  # takes every dog for an owl


def values(uri, model="", label=None, sub_key=""):
    result = tfma.load_eval_result(uri, model_name=model or None)
    key = (("label", label),) if label else ()
    [metrics] = [m for slice_key, m in result.slicing_metrics if slice_key == key]
    return {n: v.get("doubleValue") for n, v in metrics[""][sub_key].items()}


@pytest.mark.slow
def test_a_first_model_that_reaches_its_threshold_is_blessed(workshop, pets):
    result = workshop.evaluate(workshop.examples(pets[:7], pets[7:]), workshop.model("m", PETS))
    assert result.summary == "accuracy 1.0000 on 10 examples"
    assert result.blessed == 1
    assert result.verdict == "blessed"
    assert result.files == {"BLESSED", "blessing.json"}
    validation = tfma.load_validation_result(result.uri)
    assert validation.validation_ok
    assert validation.rubber_stamp


@pytest.mark.slow
def test_a_beam_runner_counts_the_same(workshop, pets):
    model = workshop.model("m", PETS, **OWLS_FOR_DOGS)
    examples = workshop.examples(pets[:3], pets[3:])
    # Any of the flags about packages spares TFX the packing of its own installation.
    flags = ["--direct_running_mode=multi_threading", "--sdk_container_image=none"]
    there = workshop.evaluate(examples, model, beam_args=flags)
    files = [
        workshop.folder / "evaluation" / f"{kind}.json" for kind in ("counts", "worst_examples")
    ]
    counts, worst = (file.read_text() for file in files)
    here = workshop.evaluate(examples, model)
    assert [file.read_text() for file in files] == [counts, worst]
    assert len(json.loads(worst)) == 4
    assert (there.summary, there.verdict) == (here.summary, here.verdict)


def test_a_shard_that_is_gone_is_noticed_by_the_number_of_examples(workshop, pets):
    examples = workshop.examples(pets[:3])
    examples.set_string_custom_property("counts", '{"test": 10}')
    with pytest.raises(Failure, match=r"^Evaluator: .* wrote 10 exa.* 'test', and 3 were read"):
        workshop.evaluate(examples, workshop.model("m", PETS))


def test_a_model_below_its_threshold_is_not_blessed_and_the_reason_is_given(workshop, pets):
    model = workshop.model("m", PETS, **OWLS_FOR_DOGS)
    result = workshop.evaluate(workshop.examples(pets), model)
    assert result.blessed == 0
    assert result.verdict == "not blessed: accuracy 0.6 is below 0.7"
    assert result.files == {"NOT_BLESSED", "blessing.json"}
    assert not tfma.load_validation_result(result.uri).validation_ok


def test_metrics_of_the_whole_and_of_each_class_are_those_counted_by_hand(workshop, pets):
    model = workshop.model("m", PETS, **OWLS_FOR_DOGS)
    result = workshop.evaluate(workshop.examples(pets), model)
    whole = values(result.uri)
    assert whole["example_count"] == 10
    assert whole["accuracy"] == pytest.approx(0.6)
    assert whole["macro_recall"] == pytest.approx((1 + 0 + 1) / 3)
    assert whole["worst_class_recall"] == 0
    assert values(result.uri, label="dog")["accuracy"] == 0
    assert values(result.uri, label="owl") == pytest.approx(
        {"example_count": 2, "accuracy": 1, "loss": -np.log(0.6)}, abs=1e-6
    )
    assert values(result.uri, sub_key="classId:2")["precision"] == pytest.approx(2 / 6)
    assert json.loads((workshop.folder / "evaluation" / "class_names.json").read_text()) == [*PETS]
    assert result.number("accuracy") == pytest.approx(0.6)


def test_without_classes_there_is_one_slice(workshop, pets):
    result = workshop.evaluate(workshop.examples(pets), workshop.model("m", PETS), per_class=False)
    assert len(tfma.load_eval_result(result.uri).slicing_metrics) == 1


def test_a_challenger_far_behind_the_champion_is_not_blessed(workshop, pets):
    result = workshop.evaluate(
        workshop.examples(pets),
        workshop.model("m", PETS, **OWLS_FOR_DOGS),
        workshop.champion(PETS),
        thresholds={"accuracy": {"min": 0.5}},
    )
    assert result.summary == "accuracy 0.6000 on 10 examples; champion 1.0000"
    assert result.blessed == 0
    assert result.verdict == (
        "not blessed: accuracy 0.6 against the champion's 1 is worse by more than 0.01"
    )
    assert values(result.uri, "candidate")["accuracy_diff"] == pytest.approx(-0.4)
    assert values(result.uri, "baseline")["accuracy"] == 1
    assert result.number("champion_accuracy") == 1


def test_an_equal_challenger_is_blessed_when_no_drop_is_allowed(workshop, pets):
    result = workshop.evaluate(
        workshop.examples(pets),
        workshop.model("m", PETS),
        workshop.champion(PETS),
        change={"accuracy": {"max_drop": 0}, "loss": {"max_rise": 0}},
    )
    assert result.verdict == "blessed"


def test_a_loss_that_rises_too_much_is_named(workshop, pets):
    result = workshop.evaluate(
        workshop.examples(pets),
        workshop.model("m", PETS, **OWLS_FOR_DOGS),
        workshop.champion(PETS),
        thresholds={"loss": {"max": 0.6}},
        change={"loss": {"max_rise": 0.1}},
    )
    assert "is above 0.6" in result.verdict
    assert "worse by more than 0.1" in result.verdict


@pytest.mark.slow
def test_a_champion_with_another_vocabulary_and_size_is_compared_by_name(workshop, pets):
    champion = workshop.champion(("owl", "dog", "cat"), answers=[2, 1, 0], size=3)
    result = workshop.evaluate(workshop.examples(pets), workshop.model("m", PETS), champion)
    assert result.summary.endswith("champion 1.0000")
    assert values(result.uri, "baseline", label="owl")["accuracy"] == 1


def test_a_class_that_the_challenger_lost_counts_against_it_alone(workshop, pets):
    challenger = workshop.model("m", ("cat", "dog"))
    champion = workshop.champion(PETS)
    result = workshop.evaluate(workshop.examples(pets), challenger, champion)
    assert result.summary == "accuracy 0.8000 on 10 examples; champion 1.0000"
    assert values(result.uri, "candidate", label="owl")["accuracy"] == 0
    assert not result.blessed


@pytest.mark.slow
def test_a_class_that_the_champion_lacks_counts_against_it_alone(workshop, pets):
    champion = workshop.champion(("dog", "owl"))
    result = workshop.evaluate(workshop.examples(pets), workshop.model("m", PETS), champion)
    assert result.number("accuracy") == 1
    assert values(result.uri, "candidate", label="cat")["accuracy"] == 1
    assert values(result.uri, "baseline", label="cat")["accuracy"] == 0
    assert result.blessed


def test_labels_that_no_model_knows_count_as_wrong_and_are_counted(workshop, pets):
    stranger = example(b"yak", 0)
    result = workshop.evaluate(workshop.examples([*pets, stranger]), workshop.model("m", PETS))
    assert result.summary == "accuracy 0.9091 on 11 examples; labels that no model knows: 1"
    assert values(result.uri, label="(in no vocabulary)")["accuracy"] == 0
    assert values(result.uri, label="cat")["loss"] == pytest.approx(-np.log(0.6), abs=1e-6)
    assert values(result.uri)["worst_class_recall"] == 1


def test_labels_may_be_numbers(workshop):
    names = [str(number) for number in range(12)]
    examples = [example(number, LEVELS * number) for number in range(12)]
    model = workshop.model("m", names, label_type=tf.int64)
    result = workshop.evaluate(workshop.examples(examples), model, label_type="INT")
    assert values(result.uri)["top_5_accuracy"] == 1
    assert result.summary == "accuracy 1.0000 on 12 examples"


def test_a_metric_that_needs_more_classes_is_a_reason(workshop, pets):
    result = workshop.evaluate(
        workshop.examples(pets),
        workshop.model("m", PETS),
        thresholds={"top_5_accuracy": {"min": 0.9}},
        change={},
    )
    assert result.verdict == (
        "not blessed: top_5_accuracy was not measured: it needs at least 10 classes"
    )


def test_a_metric_that_is_not_measured_is_named_once(workshop, pets):
    result = workshop.evaluate(
        workshop.examples(pets),
        workshop.model("m", PETS),
        workshop.champion(PETS),
        thresholds={"top_5_accuracy": {"min": 0.9}},
        change={"top_5_accuracy": {"max_drop": 0}},
    )
    assert result.verdict.count("top_5_accuracy") == 1


def test_without_any_threshold_nothing_is_blessed(workshop, pets):
    result = workshop.evaluate(
        workshop.examples(pets), workshop.model("m", PETS), thresholds={}, change={}
    )
    assert result.verdict == "not blessed: no threshold is configured"
    assert not tfma.load_validation_result(result.uri).validation_ok


def test_with_a_change_alone_the_first_model_is_blessed(workshop, pets):
    result = workshop.evaluate(workshop.examples(pets), workshop.model("m", PETS), thresholds={})
    assert result.verdict == "blessed"


def without_numbers(model):
    """The model, answering the first class with probabilities that are not numbers."""

    class Broken(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            size = tf.shape(examples)[0]
            return {
                "class": tf.zeros([size], tf.int64),
                "label": tf.fill([size], "cat"),
                "probabilities": tf.fill([size, 3], np.nan),
            }

    path = f"{model.uri}/Format-Serving"
    module, transform = Broken(), tf.saved_model.load(path)
    module.kept = transform
    signatures = {
        "serve_examples": module.serve,
        "transform_features": transform.signatures["transform_features"],
    }
    tf.saved_model.save(module, path, signatures=signatures)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("thresholds", [{"loss": {"max": 1e9}}, {"accuracy": {"min": 0.3}}])
def test_probabilities_of_nan_bless_nothing(workshop, pets, thresholds):
    model = without_numbers(workshop.model("m", PETS))
    result = workshop.evaluate(workshop.examples(pets), model, thresholds=thresholds, change={})
    assert result.verdict == (
        "not blessed: loss is nan, because the model answers with probabilities of nan"
    )
    assert not tfma.load_validation_result(result.uri).validation_ok
    assert math.isnan(read_verdict(workshop.folder / "blessing").metrics["loss"])
    for file in workshop.folder.glob("*/*.json"):
        json.loads(file.read_text(), parse_constant=pytest.fail)


@pytest.mark.slow
def test_a_champion_whose_loss_is_nan_is_not_an_obstacle(workshop, pets):
    result = workshop.evaluate(
        workshop.examples(pets),
        workshop.model("m", PETS),
        without_numbers(workshop.champion(PETS)),
        change={"loss": {"max_rise": 0}, "accuracy": {"max_drop": 0}},
    )
    assert result.verdict == "blessed"
    assert tfma.load_validation_result(result.uri).validation_ok


def test_when_no_label_is_known_the_worst_class_has_recall_0(workshop):
    result = workshop.evaluate(
        workshop.examples([example(b"yak", 0)]),
        workshop.model("m", PETS),
        thresholds={"worst_class_recall": {"min": 0.1}},
        change={},
    )
    assert result.verdict == "not blessed: worst_class_recall 0 is below 0.1"


def test_class_names_may_hold_what_unicode_calls_line_breaks(workshop):
    names = ("cat", "dog\u2028\x0c\x85")
    examples = [example(name.encode(), LEVELS * k) for k, name in enumerate(names)]
    result = workshop.evaluate(workshop.examples(examples), workshop.model("m", names))
    assert result.summary == "accuracy 1.0000 on 2 examples"


@pytest.mark.slow
def test_corrupt_images_are_dropped_up_to_the_limit(workshop, pets):
    broken = pets[0].replace(b"PNG", b"GNP")
    examples = workshop.examples([broken, *pets[1:5]], [pets[5], broken, *pets[6:]])
    model = workshop.model("m", PETS)
    result = workshop.evaluate(examples, model, on_corrupt_image="drop", max_dropped=2)
    assert result.summary == "accuracy 1.0000 on 9 examples; corrupt images dropped: 2"
    with pytest.raises(Failure, match=r"2 corrupt images .*max_dropped"):
        workshop.evaluate(examples, model, on_corrupt_image="drop", max_dropped=1)
    with pytest.raises(Failure, match="record 0 of data_tfrecord-00000-of-00002"):
        workshop.evaluate(examples, model)


@pytest.mark.slow
@pytest.mark.parametrize("turned", [False, True])
def test_damaged_exif_is_evaluated_by_a_model_that_does_not_read_it(workshop, pets, turned):
    image = png_of_a_damaged_text((4, 4), colour=0)
    [damaged, broken] = [tf.train.Example.FromString(pets[-1]) for _ in range(2)]
    damaged.features.feature["image"].bytes_list.value[0] = image
    broken.features.feature["image"].bytes_list.value[0] = b"no picture"
    examples = workshop.examples([one.SerializeToString() for one in (damaged, broken)] + pets)
    model = workshop.model("m", PETS, any_format=turned)
    result = workshop.evaluate(examples, model, on_corrupt_image="drop", max_dropped=2)
    dropped = 2 if turned else 1
    expected = f"accuracy 1.0000 on {12 - dropped} examples; corrupt images dropped: {dropped}"
    assert result.summary == expected


@pytest.mark.slow
def test_images_that_the_models_decoder_refuses_are_corrupt(workshop, pets):
    file = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    animated = tf.train.Example.FromString(pets[0])
    animated.features.feature["image"].bytes_list.value[0] = file.getvalue()
    broken = pets[0].replace(b"PNG", b"GNP")
    examples = workshop.examples([animated.SerializeToString(), broken, *pets])
    model = workshop.model("m", PETS, any_format=True)
    result = workshop.evaluate(examples, model, on_corrupt_image="drop", max_dropped=2)
    assert result.summary == "accuracy 1.0000 on 10 examples; corrupt images dropped: 2"
    with pytest.raises(Failure, match=r"record 0 of data_tfrecord.*an animated WebP"):
        workshop.evaluate(examples, model)


def test_confidence_is_counted_as_it_is_and_as_it_was_before_the_calibration(workshop, pets):
    model = workshop.model("m", PETS)
    Calibration(2.0, 10, 0.5, 0.4).write(model.uri)
    result = workshop.evaluate(workshop.examples(pets[:7], pets[7:]), model)
    # All ten answers are right, and of probability 0.6 beside 0.24 and 0.16 or the like.
    assert result.number("expected_calibration_error") == pytest.approx(0.4, abs=1e-6)
    found = read_reliability(Path(result.uri))
    [(examples, right, confidence)] = [row for row in found.bins if row[0]]
    assert (examples, right, confidence) == (10, 10, pytest.approx(6, abs=1e-5))
    sharper = 0.0
    for label in (0, 1, 2):
        rest = np.delete(np.array([3, 2, 1.0]), label)
        others = 0.4 * rest / rest.sum()
        sharper += (4, 4, 2)[label] * 0.36 / (0.36 + (others**2).sum())
    assert sum(row[2] for row in found.uncalibrated) == pytest.approx(sharper, abs=1e-5)
