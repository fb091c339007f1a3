"""What is wrong with a model that was served, in words."""

import base64
import hashlib
import os
from collections.abc import Mapping

import numpy as np
from tfx.dsl.io import fileio

from components.serving_check.served import figures

_TOLERANCE = 1e-4  # of a probability; batches of other sizes are summed in another order
_CLASSIFY = ("serving_default", "serve_examples")
_VOCABULARY = os.path.join("assets", "labels")


def find(path: str, result: Mapping, expected: Mapping) -> list[str]:
    """The faults of a model's answers, none when it serves as it was trained.

    Args:
      path: of the SavedModel.
      result: what the serving process said.
      expected: what the Trainer wrote: {"labels", "answers"}.
    """
    vocabulary = _vocabulary_fault(path, expected["labels"])
    if vocabulary:
        return [vocabulary]
    if "error" in result:
        return [f"{result['at']} failed: {_one_line(result['error'])}"]
    # Each takes for granted what the one before it found right.
    for check in (_transform_fault, _answer_fault, _signature_fault):
        fault = check(result["answers"], expected)
        if fault:
            return [fault]
    return []


def over_limits(results: Mapping[str, Mapping], config: Mapping) -> list[str]:
    """The limits of the configuration that the challenger passes."""
    mine = figures(results["challenger"])
    causes = []
    if config["max_latency_ms"] is not None and mine["p99_ms"] > config["max_latency_ms"]:
        causes.append(
            f"latency p99 {mine['p99_ms']:.1f} ms is above max_latency_ms "
            f"{config['max_latency_ms']:g}"
        )
    if config["max_memory_mb"] is not None and mine["memory_mb"] > config["max_memory_mb"]:
        causes.append(
            f"memory {mine['memory_mb']:.0f} MiB is above max_memory_mb {config['max_memory_mb']:g}"
        )
    champion = figures(results.get("champion", {"error": "none"}))
    if champion and mine["p50_ms"] > config["max_slowdown"] * champion["p50_ms"]:
        causes.append(
            f"latency p50 {mine['p50_ms']:.1f} ms is "
            f"{mine['p50_ms'] / champion['p50_ms']:.1f} times "
            f"the champion's, above max_slowdown {config['max_slowdown']:g}"
        )
    return causes


def _vocabulary_fault(path: str, labels: list[str]) -> str | None:
    file = os.path.join(path, _VOCABULARY)
    if not fileio.exists(file):
        return f"the asset {_VOCABULARY} is missing"
    with fileio.open(file, "rb") as lines:
        own = lines.read().decode().splitlines()
    if own != labels:
        return f"the labels of {_VOCABULARY} are not those of the training, or in another order"
    return None


def _transform_fault(answers: Mapping, expected: Mapping) -> str | None:
    names = _names(answers)
    strange = [name for name in names if name not in expected["answers"]]
    if strange:
        return (
            f"transform_features gives {len(strange)} of {len(names)} images other pixels than the "
            "training had: its transform graph is not the training's"
        )
    return None


def _answer_fault(answers: Mapping, expected: Mapping) -> str | None:
    names = _names(answers)
    right = np.array([expected["answers"][name] for name in names])  # (requests, classes)
    for signature in _CLASSIFY:
        for size, count in (("all", len(names)), ("one", 1), ("after", 1)):
            if size not in answers[signature]:
                continue
            answer = answers[signature][size]
            given = np.array(answer["probabilities"])
            if given.shape != right[:count].shape:
                return f"{signature} gives probabilities of shape {given.shape}"
            if not np.isfinite(given).all():
                return f"{signature} gives probabilities that are no numbers (NaN or infinite)"
            off = np.abs(given - right[:count]).max()
            if off > _TOLERANCE:
                return (
                    f"{signature} gives other probabilities than the training "
                    f"(batch of {count}, off by {off:.2g})"
                )
    return None


def _signature_fault(answers: Mapping, expected: Mapping) -> str | None:
    """Whether class and label say what the probabilities say."""
    for signature in _CLASSIFY:
        answer = answers[signature]["all"]
        best = np.argmax(answer["probabilities"], axis=1)
        if list(best) != list(answer["class"]):
            return f"{signature} gives a class that is not the most probable one"
        labels = [base64.b64decode(text).decode() for text in answer["label"]]
        wrong = [
            (label, expected["labels"][number])
            for label, number in zip(labels, best, strict=True)
            if label != expected["labels"][number]
        ]
        if wrong:
            given, right = wrong[0]
            return f"{signature} gives the label {given!r} where the training has {right!r}"
    return None


def _names(answers: Mapping) -> list[str]:
    images = answers["transform_features"]["all"]["image"]
    texts = [image[0] if isinstance(image, list) else image for image in images]
    return [hashlib.sha256(base64.b64decode(text)).hexdigest() for text in texts]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
