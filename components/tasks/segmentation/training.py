"""Softmax cross-entropy against one label a pixel."""

from components.trainer import losses, tallies
from components.trainer.input.features import Feature

Loss, Tallies, labels = losses.Loss, tallies.Tallies, losses.class_ids
ARE_PICTURES = True
ACCURACY, METRIC = "pixel accuracy", "mean_iou"


def feature(image_shape: tuple[int, int, int], classes: int) -> Feature:
    return Feature("mask", (*image_shape[:2], 1), "uint8")
