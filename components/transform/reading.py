"""Reads what Transform left without TensorFlow, whose import takes seconds."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from files import places

LABEL_STATISTICS, MASK_STATISTICS = "label_statistics.json", "mask_statistics.json"


class MaskPixels(NamedTuple):
    """How many pixels the masks of train have."""

    of_class: dict[str, int]  # by class name, in the order of the class ids
    of_no_class: int


def read_mask_pixels(folder: Path) -> MaskPixels | None:
    """Reads the file below a transform graph's local folder; None for classification."""
    file = folder / MASK_STATISTICS
    if not file.is_file():
        return None
    found = json.loads(file.read_text("utf-8"))
    return MaskPixels(found["pixels"], found["pixels_of_no_class"])


def read_class_counts(uri: str) -> dict[str, int] | None:
    """By class name, the examples of train below a transform graph's folder, or its pixels for
    segmentation; None where neither was counted."""
    labels = places.read_json(os.path.join(uri, LABEL_STATISTICS))
    if labels is not None:
        return labels["examples"]
    masks = places.read_json(os.path.join(uri, MASK_STATISTICS))
    return masks and masks["pixels"]


def read_dropped(properties: Mapping[str, Any]) -> dict[str, int]:
    """Corrupt images left out, by split, from the transformed Examples' custom properties."""
    return json.loads(properties.get("dropped") or "{}")
