"""Any number of classes an image, as a served model answers it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.batch_predictor.answer import Answer
from files.strict_json import text_of

OUTPUTS = ("labels", "predicted", "probabilities")
EXPECTED = 16
LAYER = 2**28  # 1 GiB of float32
_CLOSE = 1e-5  # to a threshold: what a text over REST may leave of a probability


def as_json(probabilities: np.ndarray) -> list[float]:
    return list(map(float, probabilities))


def from_json(kept: Sequence[float | None]) -> np.ndarray:
    return np.array(kept, float)  # nan for the null of a number that is not finite


def contradictions(answer: Mapping[str, np.ndarray], expected: Mapping) -> Iterator[str]:
    given, thresholds = answer["probabilities"], np.array(expected["thresholds"])
    predicted = answer["predicted"] > 0
    clear = np.abs(given - thresholds) > _CLOSE
    if (predicted != (given >= thresholds))[clear].any():
        yield "predicts other classes than those whose probability reaches the training's threshold"
    for texts, row in zip(answer["labels"].tolist(), predicted, strict=True):
        said = sorted(text.decode(errors="replace") for text in texts if text)
        right = sorted(np.array(expected["labels"])[row].tolist())
        if said != right:
            yield f"gives the labels {said} where the predicted classes are {right}"


def read(outputs: Mapping[str, np.ndarray]) -> list[Answer]:
    return [
        Answer(probabilities, labels=tuple(text.decode() for text in texts if text))
        for probabilities, texts in zip(
            outputs["probabilities"], outputs["labels"].tolist(), strict=True
        )
    ]


def columns(answer: Answer) -> dict[str, str]:
    return {"labels": text_of(answer.labels)}


def facts(answer: Answer, labels: Sequence[str], top: int) -> dict[str, Any]:
    ranked = np.argsort(-answer.probabilities, kind="stable")[:top]
    return {
        "labels": list(answer.labels),
        "top": [
            {"label": labels[i], "probability": float(answer.probabilities[i])} for i in ranked
        ],
    }


def text(facts: Mapping[str, Any]) -> str:
    said = ", ".join(facts["labels"]) or "no label"
    top = ", ".join(f"{one['label']} {one['probability']:.4f}" for one in facts["top"])
    return f"{said}  ({top})"
