"""One class an image, as a served model answers it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.batch_predictor.answer import Answer
from files.strict_json import text_of

OUTPUTS = ("class", "label", "probabilities")
EXPECTED = 16
LAYER = 2**28  # 1 GiB of float32


def as_json(probabilities: np.ndarray) -> list[float]:
    return list(map(float, probabilities))


def from_json(kept: Sequence[float | None]) -> np.ndarray:
    return np.array(kept, float)  # nan for the null of a number that is not finite


def contradictions(answer: Mapping[str, np.ndarray], expected: Mapping) -> Iterator[str]:
    best = answer["probabilities"].argmax(axis=-1)  # (requests,)
    if best.tolist() != answer["class"].tolist():
        yield "gives a class that is not the most probable one"
    for text, number in zip(answer["label"].tolist(), best, strict=True):
        said, right = text.decode(errors="replace"), expected["labels"][number]
        if said != right:
            yield f"gives the label {said!r} where the training has {right!r}"


def read(outputs: Mapping[str, np.ndarray]) -> list[Answer]:
    labels = map(bytes.decode, outputs["label"].tolist())
    return list(map(Answer, outputs["probabilities"], outputs["class"].tolist(), labels))


def columns(answer: Answer) -> dict[str, str]:
    return {"class": str(answer.class_id), "label": text_of(answer.label)}


def facts(answer: Answer, labels: Sequence[str], top: int) -> dict[str, Any]:
    ranked = np.argsort(-answer.probabilities, kind="stable")[:top]
    return {
        "label": answer.label,
        "class": answer.class_id,
        "probability": confidence(answer),
        "top": [
            {"label": labels[i], "probability": float(answer.probabilities[i])} for i in ranked
        ],
    }


def confidence(answer: Answer) -> float:
    return float(answer.probabilities[answer.class_id])


def text(facts: Mapping[str, Any]) -> str:
    first, *others = facts["top"]
    rest = ", ".join(f"{one['label']} {one['probability']:.4f}" for one in others)
    line = f"{first['label']} {first['probability']:.4f}" + " rejected" * facts.get("rejected", 0)
    return line + (f"  (then {rest})" if rest else "")
