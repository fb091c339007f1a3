"""Metrics of a classifier, from its counts."""

import numpy as np

from components.evaluator.counts import TOP, ModelCounts

_CLASSES_FOR_TOP = 10  # With fewer classes, being among the first five says little.


def overall(counts: ModelCounts) -> dict[str, float]:
    """The metrics over all examples, by the names of metric_names.py, and `example_count`.

    Labels in no vocabulary count as wrong; the macro averages and the worst class
    are taken over the classes that occur among the labels.
    """
    examples = counts.confusion.sum()
    scores = per_class(counts)
    occurring = counts.confusion[:-1].sum(axis=1) > 0  # (n,)
    values = {
        "example_count": float(examples),
        "accuracy": float(np.trace(counts.confusion[:-1]) / examples),
        "loss": float(counts.loss.sum() / examples),
        "worst_class_recall": float(scores["recall"][occurring].min(initial=1.0)),
    }
    for name, score in scores.items():
        values[f"macro_{name}"] = float(score[occurring].mean()) if occurring.any() else 0.0
    if counts.confusion.shape[1] >= _CLASSES_FOR_TOP:
        values[f"top_{TOP}_accuracy"] = float(counts.top.sum() / examples)
    return values


def per_class(counts: ModelCounts) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class, (n,) float64; 0 where there is nothing to divide."""
    right = np.diagonal(counts.confusion).astype(float)  # (n,)
    predicted = counts.confusion.sum(axis=0)
    actual = counts.confusion[:-1].sum(axis=1)
    return {
        "precision": _divide(right, predicted),
        "recall": _divide(right, actual),
        "f1": _divide(2 * right, predicted + actual),
    }


def of_class(counts: ModelCounts, label: int) -> dict[str, float]:
    """The metrics over the examples with one label, for TFMA's slice of that class."""
    row = counts.confusion[label]
    examples = row.sum()
    right = row[label] if label < len(row) else 0
    values = {
        "example_count": float(examples),
        "accuracy": float(right / examples),
        "loss": float(counts.loss[label] / examples),
    }
    if len(row) >= _CLASSES_FOR_TOP:
        values[f"top_{TOP}_accuracy"] = float(counts.top[label] / examples)
    return values


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
