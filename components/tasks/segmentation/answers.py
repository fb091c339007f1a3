"""One class a pixel, as a served model answers it."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.batch_predictor.answer import Answer, numbers
from components.mask_palette import mask_png

OUTPUTS = ("mask", "probabilities")
EXPECTED = 4  # an answer is thousands of numbers
LAYER = 2**24  # 64 MB of float32: many layers of an image's own size are held for later ones


def as_json(probabilities: np.ndarray) -> str:
    """The base64 text of their little-endian float32 bytes, row by row."""
    return base64.b64encode(np.asarray(probabilities, "<f4").tobytes()).decode()


def from_json(kept: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(kept), "<f4")


def contradictions(answer: Mapping[str, np.ndarray], expected: Mapping) -> Iterator[str]:
    mask, best = answer["mask"], answer["probabilities"].argmax(axis=-1)  # (requests, h, w)
    if mask.dtype != np.uint8 or mask.shape != best.shape:
        yield (
            f"gives a mask of {mask.dtype} {list(mask.shape)} where uint8 {list(best.shape)} is due"
        )
    if (mask != best).any():
        yield "gives a mask whose classes are not the most probable ones"


def read(outputs: Mapping[str, np.ndarray]) -> list[Answer]:
    # Summed in float32, pixel by pixel, the means of large images would be off by hundredths.
    means = outputs["probabilities"].mean(axis=(1, 2), dtype=np.float64)  # (batch, classes)
    means = means.astype(np.float32)
    return [Answer(mean, mask=mask) for mean, mask in zip(means, outputs["mask"], strict=True)]


def columns(answer: Answer) -> dict[str, str]:
    mask = base64.b64encode(mask_png(answer.mask)).decode()
    return {"shares": numbers(_shares(answer)), "mask_png": f'"{mask}"'}


def facts(answer: Answer, labels: Sequence[str], top: int) -> dict[str, Any]:
    height, width = answer.mask.shape
    shares = _shares(answer)
    classes = [
        {
            "label": labels[i],
            "share": float(shares[i]),
            "probability": float(answer.probabilities[i]),
        }
        for i in np.argsort(-shares, kind="stable")
    ]
    return {"classes": classes, "height": height, "width": width}


def text(facts: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{one['label']} {one['share']:.1%}" for one in facts["classes"])
    return shares + (f"  → {facts['mask']}" if "mask" in facts else "")


def _shares(answer: Answer) -> np.ndarray:
    """(classes,) float64: the part of the mask's pixels that each class has."""
    counts = np.bincount(answer.mask.ravel(), minlength=len(answer.probabilities))
    return counts / answer.mask.size
