"""What is wrong with a served model, in words."""

import base64
import hashlib
from collections.abc import Mapping

import numpy as np

from components import saved_vocabulary
from components.serving_check.requests import CLASSIFY, TRANSFORM
from components.serving_check.served import figures
from files.places import is_file_error
from settings.serving import Serving

# Of a probability; batches of other sizes are summed in another order, which makes 1e-7.
TOLERANCE = 1e-5
_OUTPUTS = {
    "classification": ("class", "label", "probabilities"),
    "segmentation": ("mask", "probabilities"),
}
_BATCHES = {"one": "batch of 1", "all": "batch of {}", "large": "large batch",
            "after": "after a corrupt image"}  # fmt: skip


def find(path: str, result: Mapping, expected: Mapping) -> list[str]:
    """The faults of a model's answers; none when it serves as it was trained.

    Args:
      expected: what the Trainer wrote: {"labels", "answers"} and, except for
        classification, "task".
    """
    vocabulary = _vocabulary_fault(path, expected["labels"])
    if vocabulary:
        return [vocabulary]
    if "error" in result:
        return [f"{result['at']} failed: {_one_line(result['error'])}"]
    # Each check relies on the one before it.
    protocols = result["protocols"]
    fault = _transform_fault(protocols, expected)
    if fault:
        return [fault]
    right = _right(_names(protocols), expected)
    for protocol, said in protocols.items():
        for check in (_output_fault, _answer_fault, _consistency_fault, _corrupt_fault):
            fault = check(said, right, expected)
            if fault:
                return [f"over {protocol}, {fault}" if protocol else fault]
    return []


def over_limits(results: Mapping[str, Mapping], serving: Serving) -> list[str]:
    """The limits that the challenger exceeds."""
    mine = figures(results["challenger"])
    causes = []
    if serving.max_latency_ms is not None and mine["p99_ms"] > serving.max_latency_ms:
        causes.append(
            f"latency p99 {mine['p99_ms']:.1f} ms is above max_latency_ms "
            f"{serving.max_latency_ms:g}"
        )
    if serving.max_memory_mb is not None and mine["memory_mb"] > serving.max_memory_mb:
        causes.append(
            f"memory {mine['memory_mb']:.0f} MiB is above max_memory_mb {serving.max_memory_mb:g}"
        )
    champion = figures(results["champion"]) if "champion" in results else None
    if champion and mine["p50_ms"] > serving.max_slowdown * champion["p50_ms"]:
        causes.append(
            f"latency p50 {mine['p50_ms']:.1f} ms is "
            f"{mine['p50_ms'] / champion['p50_ms']:.1f} times "
            f"the champion's, above max_slowdown {serving.max_slowdown:g}"
        )
    return causes


def _vocabulary_fault(path: str, labels: list[str]) -> str | None:
    try:
        own = saved_vocabulary.read(path)
    except Exception as error:
        if not is_file_error(error):
            raise
        return f"the asset {saved_vocabulary.FILE} is missing"
    if own != labels:
        return f"the labels of {saved_vocabulary.FILE}, or their order, differ from the training's"
    return None


def _transform_fault(protocols: Mapping, expected: Mapping) -> str | None:
    names = _names(protocols)
    strange = [name for name in names if name not in expected["answers"]]
    if strange:
        return (
            f"{TRANSFORM} gives {len(strange)} of {len(names)} images other pixels than the "
            "training had: its transform graph is not the training's"
        )
    return None


def _names(protocols: Mapping) -> list[str]:
    """The SHA-256 of each request's transformed pixels."""
    [answers] = [said["answers"][TRANSFORM] for said in protocols.values()
                 if TRANSFORM in said["answers"]]  # fmt: skip
    return [hashlib.sha256(image).hexdigest() for image in answers["all"]["image"].ravel()]


def _right(names: list[str], expected: Mapping) -> np.ndarray:
    """(requests, classes) or, for segmentation, (requests, height * width * classes)."""
    answers = [expected["answers"][name] for name in names]
    if _task(expected) == "segmentation":
        answers = [np.frombuffer(base64.b64decode(text), "<f4") for text in answers]
    return np.array(answers)


def _task(expected: Mapping) -> str:
    return expected.get("task", "classification")


def _output_fault(said: Mapping, right, expected: Mapping) -> str | None:
    for signature in CLASSIFY:
        given = said["answers"][signature]["all"]
        missing = [name for name in _OUTPUTS[_task(expected)] if name not in given]
        if missing:
            return f"{signature} does not give {missing[0]}, only {', '.join(sorted(given))}"
    return None


def _answer_fault(said: Mapping, right: np.ndarray, expected: Mapping) -> str | None:
    for signature in CLASSIFY:
        for name, answer in said["answers"][signature].items():
            given = answer["probabilities"]
            count, *shape = given.shape
            if shape[-1:] != [len(expected["labels"])] or np.prod(shape) != right.shape[1]:
                return f"{signature} gives probabilities of shape {list(given.shape)}"
            if not np.isfinite(given).all():
                return f"{signature} gives probabilities that are NaN or infinite"
            off = np.abs(given.reshape(count, -1) - right[:count]).max()
            if off > TOLERANCE:
                return (
                    f"{signature} gives other probabilities than the training "
                    f"({_BATCHES[name].format(count)}, off by {off:.2g})"
                )
    return None


def _consistency_fault(said: Mapping, right, expected: Mapping) -> str | None:
    """Whether class and label, or the mask, agree with the probabilities."""
    find = _mask_fault if _task(expected) == "segmentation" else _label_fault
    for signature in CLASSIFY:
        for answer in said["answers"][signature].values():
            fault = find(answer, expected["labels"])
            if fault:
                return f"{signature} gives {fault}"
    return None


def _mask_fault(answer: Mapping, labels: list[str]) -> str | None:
    mask, best = answer["mask"], answer["probabilities"].argmax(axis=-1)  # (requests, h, w)
    if mask.dtype != np.uint8 or mask.shape != best.shape:
        return f"a mask of {mask.dtype} {list(mask.shape)} where uint8 {list(best.shape)} is due"
    if (mask != best).any():
        return "a mask whose classes are not the most probable ones"
    return None


def _label_fault(answer: Mapping, labels: list[str]) -> str | None:
    best = answer["probabilities"].argmax(axis=-1)  # (requests,)
    if best.tolist() != answer["class"].tolist():
        return "a class that is not the most probable one"
    for text, number in zip(answer["label"].tolist(), best, strict=True):
        if text.decode(errors="replace") != labels[number]:
            return (
                f"the label {text.decode(errors='replace')!r} where the training has "
                f"{labels[number]!r}"
            )
    return None


def _corrupt_fault(said: Mapping, right, expected: Mapping) -> str | None:
    for signature, error in said["corrupt"].items():
        if error is None:
            return f"{signature} answers a corrupt image as if it were intact, without an error"
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
