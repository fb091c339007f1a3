"""Pixels are counted as an independent computation counts them, and shown where they are worst."""

import json
from functools import partial

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from PIL import Image
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    jaccard_score,
    log_loss,
    precision_recall_fscore_support,
)

from components.evaluator.worst_examples import MOST
from failures import Failure
from tests.components.evaluator.shade_model import (
    GROUND,
    LEVELS,
    MASKS,
    NOTHING,
    SIZE,
    by_hand,
    example,
    pictures,
    png,
    save_shade_model,
)


@pytest.fixture
def lands(workshop):
    """Evaluates pictures, [(shades, mask values)] a shard, both (SIZE, SIZE)."""

    def evaluate(*shards, names=GROUND, champion=None, options=None, **config):
        model = workshop.model("m", names, save_shade_model, **(options or {}))
        return workshop.evaluate(
            workshop.examples(*[[example(png(i), png(m)) for i, m in shard] for shard in shards]),
            model,
            champion,
            **MASKS | {"thresholds": {"mean_iou": {"min": 0.5}}, "change": {}} | config,
        )

    return evaluate


def load(result, model=None):
    [metrics] = [
        metrics
        for key, metrics in tfma.load_eval_result(result.uri, model_name=model).slicing_metrics
        if key == ()
    ]
    return metrics[""]


@pytest.mark.slow
def test_every_metric_is_what_scikit_learn_computes(lands):
    made = pictures(20)
    result = lands(made[:7], made[7:])
    truth, predicted, probabilities = by_hand(made)
    ious = jaccard_score(truth, predicted, average=None)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, average="macro")
    whole = load(result)
    expected = {
        "example_count": 20,
        "accuracy": accuracy_score(truth, predicted),
        "mean_iou": ious.mean(),
        "worst_class_iou": ious.min(),
        "loss": log_loss(truth, probabilities),
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
    }
    measured = {name: value["doubleValue"] for name, value in whole[""].items() if name in expected}
    assert measured == pytest.approx(expected, abs=1e-6)
    for name in expected:
        assert result.number(name) == pytest.approx(expected[name], abs=1e-6)
    for label, iou in enumerate(ious):
        assert whole[f"classId:{label}"]["iou"]["doubleValue"] == pytest.approx(iou)
    assert result.summary == (
        f"mean IoU {ious.mean():.2f}, pixel accuracy {expected['accuracy']:.2f} on 20 examples"
    )


@pytest.mark.slow
def test_a_class_that_is_answered_and_never_true_counts_for_iou_alone(lands):
    shades = np.zeros((SIZE, SIZE), int)
    shades[0] = LEVELS  # an eighth of the sky is taken for sea; there is no land at all
    metrics = load(lands([(shades, np.zeros((SIZE, SIZE)))]))[""]
    assert metrics["mean_iou"]["doubleValue"] == pytest.approx(7 / 8 / 2)
    assert metrics["worst_class_iou"]["doubleValue"] == 0
    assert metrics["macro_recall"]["doubleValue"] == pytest.approx(7 / 8)


def test_the_report_finds_the_confusion_of_pixels_and_the_class_names(workshop, lands):
    made = pictures(5)
    lands(made)
    folder = workshop.folder / "evaluation"
    entries = json.loads((folder / "counts.json").read_text())["models"]["challenger"]["confusion"]
    confusion = np.zeros((3, 3), int)
    for true, said, pixels in entries:
        confusion[true, said] = pixels
    np.testing.assert_array_equal(confusion, confusion_matrix(*by_hand(made)[:2]))
    assert json.loads((folder / "class_names.json").read_text()) == [*GROUND]


@pytest.mark.slow
def test_a_slice_of_each_class_is_over_its_pixels(lands):
    made = pictures(6)
    result = lands(made)
    truth, predicted, _ = by_hand(made)
    slices = dict(tfma.load_eval_result(result.uri).slicing_metrics)
    sea = {n: v["doubleValue"] for n, v in slices[(("mask", "sea"),)][""][""].items()}
    assert sea["pixel_count"] == (truth == 1).sum()
    assert sea["accuracy"] == pytest.approx((predicted[truth == 1] == 1).mean())
    assert sea["iou"] == pytest.approx(jaccard_score(truth, predicted, average=None)[1])
    assert len(slices) == 4


@pytest.mark.slow
def test_thresholds_and_a_drop_are_held_against_the_champion(workshop, lands):
    champion = workshop.champion(GROUND, save=save_shade_model, size=SIZE)
    result = lands(
        pictures(6, right=1.0),
        champion=champion,
        options={"answers": [0, 1, 1]},
        thresholds={"mean_iou": {"min": 0.9}},
        change={"worst_class_iou": {"max_drop": 0.1}, "loss": {"max_rise": 0.1}},
    )
    assert not result.blessed
    assert f"mean_iou {result.number('mean_iou'):.6g} is below 0.9" in result.verdict
    assert "worst_class_iou 0 against the champion's 1 is worse by more than 0.1" in result.verdict
    assert "; champion 1.00" in result.summary


@pytest.mark.slow
def test_a_champion_with_other_classes_order_and_size_is_compared_by_name(workshop, lands):
    # Blocks of two by two pixels are the same at half the size.
    mask = np.repeat(np.repeat(np.arange(16).reshape(4, 4) % 4, 2, 0), 2, 1)
    champion = workshop.champion(
        ("land", "ice", "sea", "sky"),
        save=save_shade_model,
        values=[2, 3, 1, 0],
        answers=[3, 2, 0, 1],
        size=SIZE // 2,
    )
    result = lands([(mask * LEVELS, mask)], champion=champion)
    ice = load(result, "candidate")
    assert ice[""]["accuracy"]["doubleValue"] == 0.75  # it takes all ice for land
    assert load(result, "baseline")[""]["accuracy"]["doubleValue"] == 1
    assert load(result, "baseline")[""]["mean_iou"]["doubleValue"] == 1
    assert ice["classId:3"]["iou"]["doubleValue"] == 0
    slices = tfma.load_eval_result(result.uri, model_name="candidate").slicing_metrics
    [of_ice] = [metrics[""][""] for key, metrics in slices if key == (("mask", "ice"),)]
    assert of_ice["loss"]["doubleValue"] == pytest.approx(-np.log(1e-7), abs=1e-5)
    assert json.loads((workshop.folder / "evaluation" / "class_names.json").read_text()) == [
        *GROUND, "ice"
    ]  # fmt: skip


# A champion by whose masks 1 was land: vocabulary, answers, how many are right, and its size.
OTHER_VALUES = {
    "a class before another": (("sky", "land"), [0, 0, 1], 11 / 16, SIZE),
    "a class before another, at half the size": (("sky", "land"), [0, 0, 1], 11 / 16, SIZE // 2),
    "two classes swapped": (("sky", "land", "sea"), [0, 2, 1], 1, SIZE // 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", OTHER_VALUES)
def test_a_champion_of_masks_with_other_pixel_values_is_judged_by_those_of_now(
    workshop, lands, change
):
    names, answers, right, size = OTHER_VALUES[change]
    mask = np.repeat(np.repeat(np.arange(16).reshape(4, 4) % 3, 2, 0), 2, 1)
    champion = workshop.champion(names, save=save_shade_model, answers=answers, size=size)
    result = lands([(mask * LEVELS, mask)], champion=champion)
    baseline = load(result, "baseline")
    assert baseline[""]["accuracy"]["doubleValue"] == right
    assert baseline["classId:2"]["iou"]["doubleValue"] == 1
    assert load(result, "candidate")[""]["accuracy"]["doubleValue"] == 1


@pytest.mark.slow
def test_a_class_that_a_smaller_champion_does_not_see_has_no_slice_of_its(workshop, lands):
    mask = np.repeat([[0], [1]], SIZE // 2, 0) + np.zeros((SIZE, SIZE), int)
    mask[0, 0] = 2  # not among the pixels nearest to those of the small champion
    champion = workshop.champion(GROUND, save=save_shade_model, size=2)
    result = lands([(mask * LEVELS, mask)], champion=champion)
    slices = tfma.load_eval_result(result.uri, model_name="candidate").slicing_metrics
    [land] = [metrics[""][""] for key, metrics in slices if key == (("mask", "land"),)]
    assert land["iou"]["doubleValue"] == 1
    theirs = tfma.load_eval_result(result.uri, model_name="baseline").slicing_metrics
    assert [key for key, metrics in theirs if metrics] == [
        (), (("mask", "sky"),), (("mask", "sea"),)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_champion_that_sees_no_pixel_of_any_class_is_not_an_obstacle(workshop, lands):
    mask = np.full((SIZE, SIZE), NOTHING)
    mask[0, 0] = 2
    champion = workshop.champion(GROUND, save=save_shade_model, size=2)
    result = lands(
        [(np.full((SIZE, SIZE), 2 * LEVELS), mask)],
        champion=champion,
        change={"mean_iou": {"max_drop": 0}, "loss": {"max_rise": 0}},
    )
    assert result.verdict == "blessed"


def test_a_champion_that_classifies_is_named_with_its_version(workshop, lands):
    champion = workshop.champion(("cat", "dog"))
    with pytest.raises(Failure, match=r"champion .* not one for each pixel\. It is version 3"):
        lands(pictures(1), champion=champion)


@pytest.mark.slow
def test_a_champion_that_segments_is_named_when_images_are_classified(workshop, pets):
    champion = workshop.champion(GROUND, save=save_shade_model)
    with pytest.raises(Failure, match=r"champion .* one class\. It is version 3"):
        workshop.evaluate(workshop.examples(pets), workshop.model("m", GROUND), champion)


def test_masks_without_any_class_are_a_failure(lands):
    nothing = np.full((SIZE, SIZE), NOTHING)
    with pytest.raises(Failure, match="hold no pixel of any class"):
        lands([(nothing, nothing)])


def test_metrics_of_classification_are_refused(lands):
    with pytest.raises(Failure, match="top_5_accuracy: not measured in segmentation"):
        lands(pictures(1), thresholds={"top_5_accuracy": {"min": 1}})


def test_the_worst_images_are_shown_with_truth_and_prediction(workshop, lands):
    made = pictures(30)
    lands(made[:11], made[11:])
    folder = workshop.folder / "evaluation"
    worst = json.loads((folder / "worst_examples.json").read_text())
    ious = [jaccard_score(*by_hand([one])[:2], average=None).mean() for one in made]
    assert [one["iou"] for one in worst] == pytest.approx(sorted(ious)[:MOST])
    for one in worst:
        shard = int(one["file"].split("-")[1])
        position = one["record"] + 11 * shard
        shades, mask = made[position]
        truth, _, probabilities = by_hand([made[position]])
        assert one["iou"] == pytest.approx(ious[position])
        assert one["loss"] == pytest.approx(
            log_loss(truth, probabilities, labels=range(3)), abs=1e-6
        )
        shown = {key: Image.open(folder / one[key]) for key in ("image", "truth", "prediction")}
        np.testing.assert_array_equal(shown["image"], shades)
        np.testing.assert_array_equal(shown["truth"], np.where(mask == NOTHING, 255, mask))
        np.testing.assert_array_equal(shown["prediction"], shades // LEVELS)
        assert shown["truth"].mode == shown["prediction"].mode == "P"
    assert (worst[0]["image"], worst[0]["truth"]) == ("worst/00.png", "worst/00_truth.png")


@pytest.mark.slow
def test_images_without_a_mistake_are_not_among_the_worst(workshop, lands):
    lands(pictures(3, right=1.0) + pictures(2, seed=1, right=0.5))
    worst = json.loads((workshop.folder / "evaluation" / "worst_examples.json").read_text())
    assert sorted(one["record"] for one in worst) == [3, 4]


@pytest.mark.slow
def test_a_beam_runner_counts_and_shows_the_same(workshop):
    records = [example(png(i), png(m)) for i, m in pictures(9)]
    model = workshop.model("m", GROUND, save_shade_model)
    examples = workshop.examples(records[:4], records[4:])

    def files(*flags):
        workshop.evaluate(examples, model, None, "BYTES", flags, **MASKS, change={})
        folder = workshop.folder / "evaluation"
        kept = [*folder.glob("worst*/*"), folder / "counts.json", folder / "worst_examples.json"]
        return {str(file): file.read_bytes() for file in kept}

    # Any of the flags about packages spares TFX the packing of its own installation.
    there = files("--direct_running_mode=multi_threading", "--sdk_container_image=none")
    assert len(there) == 9 * 3 + 2
    assert there == files()


@pytest.mark.slow
def test_corrupt_images_and_masks_are_dropped_up_to_the_limit(workshop):
    good = [example(png(i), png(m)) for i, m in pictures(4, right=1.0)]
    shades, mask = pictures(1)[0]
    bad_image = example(png(shades).replace(b"PNG", b"GNP"), png(mask))
    bad_mask = example(png(shades), png(mask)[:30])
    examples = workshop.examples([bad_image, *good[:2]], [good[2], bad_mask, good[3]])
    evaluate = partial(
        workshop.evaluate, examples, workshop.model("m", GROUND, save_shade_model),
        **MASKS, thresholds={"mean_iou": {"min": 0.9}}, change={},
    )  # fmt: skip
    result = evaluate(on_corrupt_image="drop", max_dropped=2)
    assert result.summary == (
        "mean IoU 1.00, pixel accuracy 1.00 on 4 examples; corrupt images dropped: 2"
    )
    with pytest.raises(Failure, match="record 0 of data_tfrecord-00000-of-00002"):
        evaluate()
