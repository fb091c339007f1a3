"""A model's answer for one image, whatever its task."""

import re
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Answer:
    """What the model answers for one image, or why it cannot answer."""

    probabilities: np.ndarray | None = None  # (classes,) float32; means over an image's pixels
    class_id: int = -1
    label: str = ""
    error: str = ""
    mask: np.ndarray | None = None  # (height, width) uint8 class ids, for segmentation
    labels: tuple[str, ...] = ()  # for multi-label classification, the most probable first


def is_below(confidence: float, threshold: float) -> bool:
    """Whether a confidence is lower, or no number."""
    return not confidence >= threshold


def numbers(values: np.ndarray) -> str:
    """(values,) float as a JSON array."""
    # Nine digits give every float32 back exactly; json.dumps would write seventeen.
    text = ",".join(["%.9g" % value for value in values.tolist()])  # noqa: UP031
    return f"[{re.sub('-?(nan|inf)', 'null', text) if 'n' in text else text}]"
