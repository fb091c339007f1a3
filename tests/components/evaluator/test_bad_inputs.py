"""What cannot be evaluated is named in one line."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import channel_utils, standard_artifacts

from components.evaluator.component import Evaluator
from failures import Failure
from settings.evaluation import Evaluation, Threshold
from settings.preprocessing import Preprocessing
from tests.components.evaluator.brightness_model import example
from tests.components.evaluator.conftest import PETS
from tests.components.evaluator.shade_model import MASKS, png, save_shade_model
from tests.components.evaluator.shade_model import example as shaded


def message_of(action):
    with pytest.raises(Failure) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_a_split_that_is_not_there_is_named(workshop, pets):
    examples, model = workshop.examples(pets), workshop.model("m", PETS)
    assert "'exam'" in message_of(lambda: workshop.evaluate(examples, model, split="exam"))


@pytest.mark.slow
def test_an_empty_split_is_a_failure(workshop):
    examples, model = workshop.examples([]), workshop.model("m", PETS)
    assert "split test holds no examples" in message_of(lambda: workshop.evaluate(examples, model))


def test_a_split_without_files_is_a_failure(workshop):
    examples, model = workshop.examples(), workshop.model("m", PETS)
    assert "split test has no files" in message_of(lambda: workshop.evaluate(examples, model))


def test_a_split_whose_examples_all_weigh_nothing_is_named_and_the_model_is_not_blamed(
    workshop, pets
):
    unweighed = [tf.train.Example.FromString(pet) for pet in pets]
    for one in unweighed:
        one.features.feature["weight"].float_list.value.append(0.0)
    examples = workshop.examples([one.SerializeToString() for one in unweighed])
    model = workshop.model("m", PETS)
    message = message_of(lambda: workshop.evaluate(examples, model, weight_feature="weight"))
    assert "split test: every example has the weight 0 in 'weight'" in message


def test_an_example_without_a_label_is_named(workshop, pets):
    examples = workshop.examples([*pets, example(None, 0)])
    model = workshop.model("m", PETS)
    assert "no single label 'label'" in message_of(lambda: workshop.evaluate(examples, model))


def test_a_record_that_is_not_an_example_is_named(workshop, pets):
    examples, model = workshop.examples([*pets, b"\xff\xff"]), workshop.model("m", PETS)
    message = message_of(lambda: workshop.evaluate(examples, model))
    assert "record 10 of data_tfrecord-00000-of-00001" in message
    assert "not a tf.train.Example" in message


@pytest.mark.slow
def test_what_a_champion_cannot_answer_is_reported_with_the_cause_and_its_version(workshop):
    pixels = png(np.zeros((8, 8)))

    def save_strict(folder, names):
        save_shade_model(folder, names)
        model = tf.saved_model.load(str(folder))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve_examples(examples):
            tf.debugging.Assert(False, ["nothing suits me"])
            return model.signatures["serve_examples"](examples=examples)

        signatures = dict(model.signatures) | {"serve_examples": serve_examples}
        tf.saved_model.save(model, str(folder), signatures=signatures)

    examples = workshop.examples([shaded(pixels, pixels)])
    model = workshop.model("m", ("sky", "sea"), save_shade_model)
    champion = workshop.champion(("sky", "sea"), save=save_strict)
    options = MASKS | {"thresholds": {}, "change": {}}
    message = message_of(lambda: workshop.evaluate(examples, model, champion, **options))
    assert "the champion in" in message
    assert "nothing suits me" in message
    assert "It is version 3: remove /pushed/3" in message


def test_a_champion_of_labels_of_another_type_is_named_with_its_version(workshop, pets):
    champion = workshop.champion(PETS, label_type=tf.int64)
    message = message_of(
        lambda: workshop.evaluate(workshop.examples(pets), workshop.model("m", PETS), champion)
    )
    assert "the champion in" in message
    assert "cannot take the labels" in message
    assert "It is version 3: remove /pushed/3" in message


def test_a_label_that_the_schema_does_not_know_is_named(workshop, pets):
    examples, model = workshop.examples(pets), workshop.model("m", PETS)
    message = message_of(lambda: workshop.evaluate(examples, model, label_feature="species"))
    assert "'species'" in message
    assert "image, label" in message


def test_a_damaged_file_is_named(workshop, pets):
    examples, model = workshop.examples(pets), workshop.model("m", PETS)
    file = workshop.folder / "examples" / "Split-test" / "data_tfrecord-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    assert f"{file} is damaged" in message_of(lambda: workshop.evaluate(examples, model))


def test_a_champion_that_cannot_be_loaded_is_named_with_its_version(workshop, pets):
    champion = workshop.champion(PETS)
    shutil.rmtree(workshop.folder / "champion" / "Format-Serving" / "variables")
    (workshop.folder / "champion" / "Format-Serving" / "saved_model.pb").write_bytes(b"no model")
    examples, model = workshop.examples(pets), workshop.model("m", PETS)
    message = message_of(lambda: workshop.evaluate(examples, model, champion))
    assert "the champion in" in message
    assert "It is version 3: remove /pushed/3, or set another push destination." in message


def test_a_champion_without_our_signatures_is_named_with_its_version(workshop, pets):
    champion = workshop.champion(PETS)
    path = workshop.folder / "champion" / "Format-Serving"
    shutil.rmtree(path)
    tf.saved_model.save(tf.Module(), str(path))
    (path / "assets").mkdir(exist_ok=True)
    (path / "assets" / "labels").write_text("cat\n")
    examples, model = workshop.examples(pets), workshop.model("m", PETS)
    message = message_of(lambda: workshop.evaluate(examples, model, champion))
    assert "lacks the signature serve_examples" in message
    assert "remove /pushed/3" in message


def test_a_champion_without_class_names_is_named_with_its_version(workshop, pets):
    champion = workshop.champion(PETS)
    (workshop.folder / "champion" / "Format-Serving" / "assets" / "labels").unlink()
    examples, model = workshop.examples(pets), workshop.model("m", PETS)
    message = message_of(lambda: workshop.evaluate(examples, model, champion))
    assert "remove /pushed/3" in message


def channels():
    kinds = {"examples": "Examples", "model": "Model", "champion": "Model", "schema": "Schema"}
    return {
        name: channel_utils.as_channel([getattr(standard_artifacts, kind)()])
        for name, kind in kinds.items()
    }


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"thresholds": {"acuracy": {"min": 1}}}, "acuracy"),
        ({"thresholds": {"accuracy": {}}}, "thresholds.accuracy: given {}; needs min or max"),
        ({"thresholds": {"accuracy": {"least": 1}}}, "thresholds.accuracy.least: unknown key"),
        ({"thresholds": {"accuracy": {"min": "high"}}}, "thresholds.accuracy.min: given 'high'"),
        ({"thresholds": {"loss": {"max": float("nan")}}}, "thresholds.loss.max: given nan"),
        ({"change": {"accuracy": {"max_rise": 1}}}, "better when higher; allowed: max_drop"),
        ({"change": {"loss": {"max_drop": 1}}}, "better when lower; allowed: max_rise"),
        ({"thresholds": {"mean_iou": {"min": 1}}}, "mean_iou: not measured in classification"),
    ],
)
def test_a_bound_that_means_nothing_is_refused(criteria, expected):
    assert expected in message_of(lambda: Evaluator(**channels(), height=8, width=8, **criteria))


def test_the_component_takes_sections_whole():
    criteria = Evaluation(thresholds={"accuracy": Threshold(min=0.9)})
    preprocessing = Preprocessing(height=8, width=8)
    component = Evaluator(**channels(), criteria=criteria, preprocessing=preprocessing)
    assert component.outputs["blessing"].type is standard_artifacts.ModelBlessing
    assert Evaluation.model_validate_json(component.exec_properties["criteria"]) == criteria
