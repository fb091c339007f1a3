"""Metrics of a model, from its counts: of images, or of pixels for segmentation."""

import math

import numpy as np

from components.evaluator.counts import TOP, ModelCounts
from components.evaluator.metric_names import METRICS_OF, SEGMENTATION

_CLASSES_FOR_TOP = 10  # With fewer classes, being among the first five says little.


def overall(counts: ModelCounts, examples: int, task: str) -> dict[str, float]:
    """The metrics over a split, by the names of metric_names.py, and `example_count`.

    Labels in no vocabulary count as wrong; the macro averages and the worst class's
    recall are taken over the classes that occur among the labels, and are 0 where none
    does; those of IoU are taken over the classes that occur among labels or answers.
    Where nothing was counted, as a model of small images may miss the few pixels that
    have a class, no metric is a number.

    Args:
      counts: of images or of pixels.
      examples: images.
      task: of metric_names.py.
    """
    number = counts.confusion.sum()
    if not number:
        return {"example_count": float(examples)} | dict.fromkeys(METRICS_OF[task], math.nan)
    scores = per_class(counts, task)
    occurring = counts.confusion[:-1].sum(axis=1) > 0  # (n,)
    values = {
        "example_count": float(examples),
        "accuracy": float(np.trace(counts.confusion[:-1]) / number),
        "loss": float(counts.loss.sum() / number),
    }
    for name in ("precision", "recall", "f1"):
        score = scores[name]
        values[f"macro_{name}"] = float(score[occurring].mean()) if occurring.any() else 0.0
    if task == SEGMENTATION:
        ious = scores["iou"][occurring | (counts.confusion.sum(axis=0) > 0)]
        return values | {"mean_iou": float(ious.mean()), "worst_class_iou": float(ious.min())}
    values["worst_class_recall"] = (
        float(scores["recall"][occurring].min()) if occurring.any() else 0.0
    )
    if counts.confusion.shape[1] >= _CLASSES_FOR_TOP:
        values[f"top_{TOP}_accuracy"] = float(counts.top.sum() / number)
    return values


def per_class(counts: ModelCounts, task: str) -> dict[str, np.ndarray]:
    """Scores of each class, (n,) float64; 0 where there is nothing to divide.

    Precision, recall and F1; for segmentation also `iou`, intersection over union
    (the Jaccard index, as Pascal VOC has it: https://doi.org/10.1007/s11263-014-0733-5).
    """
    right = np.diagonal(counts.confusion).astype(float)  # (n,)
    predicted = counts.confusion.sum(axis=0)
    actual = counts.confusion[:-1].sum(axis=1)
    scores = {
        "precision": _divide(right, predicted),
        "recall": _divide(right, actual),
        "f1": _divide(2 * right, predicted + actual),
    }
    if task == SEGMENTATION:
        scores["iou"] = _divide(right, predicted + actual - right)
    return scores


def of_class(counts: ModelCounts, label: int, task: str) -> dict[str, float]:
    """The metrics over the images, or the pixels, with one label: TFMA's slice of that class."""
    row = counts.confusion[label]
    number = row.sum()
    right = row[label] if label < len(row) else 0
    values = {"accuracy": float(right / number), "loss": float(counts.loss[label] / number)}
    if task == SEGMENTATION:
        union = number + counts.confusion[:, label].sum() - right
        return values | {"pixel_count": float(number), "iou": float(right / union)}
    values["example_count"] = float(number)
    if len(row) >= _CLASSES_FOR_TOP:
        values[f"top_{TOP}_accuracy"] = float(counts.top[label] / number)
    return values


def image_iou(confusion: np.ndarray) -> float:
    """Mean IoU of one image over the classes in its truth or prediction; nan without any.

    Args:
      confusion: (n, n) int64 pixels: true class, predicted class.
    """
    right = np.diagonal(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - right  # (n,)
    occurring = union > 0
    if not occurring.any():
        return math.nan
    return float((right[occurring] / union[occurring]).mean())


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
