"""What is wrong with a served model, in words."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from types import ModuleType

import numpy as np

from components import saved_vocabulary
from components.serving_check.requests import CLASSIFY, TRANSFORM
from components.tasks.answers import answers_of
from files.places import is_file_error
from settings.serving import Serving

# Of a probability; batches of other sizes are summed in another order, which makes 1e-7.
TOLERANCE = 1e-5
_BATCHES = {"one": "batch of 1", "all": "batch of {}", "large": "large batch",
            "after": "after a corrupt image"}  # fmt: skip


def find(path: str, result: Mapping, expected: Mapping) -> list[str]:
    """The fault of a model's answers; none when it serves as it was trained.

    Args:
      path: of the SavedModel.
      result: what `served.serve` reports of it.
      expected: what the Trainer wrote: {"labels", "answers"} and, except for
        classification, "task".
    """
    # Each check relies on the ones before it, so only the first fault counts.
    return list(itertools.islice(_faults(path, result, expected), 1))


def _faults(path: str, result: Mapping, expected: Mapping) -> Iterator[str]:
    yield from _vocabulary_faults(path, expected["labels"])
    if "error" in result:
        yield f"{result['at']} failed: {' '.join(result['error'].split())[:300]}"
    protocols = result["protocols"]
    names = _names(protocols)
    strange = [name for name in names if name not in expected["answers"]]
    if strange:
        yield (
            f"{TRANSFORM} gives {len(strange)} of {len(names)} images other pixels than the "
            "training had: its transform graph is not the training's"
        )
    right = _right(names, expected)
    for protocol, said in protocols.items():
        for signature in CLASSIFY:
            for fault in _signature_faults(said["answers"][signature], right, expected):
                yield f"{f'over {protocol}, ' if protocol else ''}{signature} {fault}"
            if not said["corrupt"][signature]:
                yield (
                    f"{f'over {protocol}, ' if protocol else ''}{signature} answers a corrupt "
                    "image as if it were intact, without an error"
                )


def over_limits(figures: Mapping[str, Mapping], serving: Serving) -> list[str]:
    """The limits that the challenger exceeds, by the `served.figures` of each model."""
    mine, champion = figures["challenger"], figures.get("champion")
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
    if champion and mine["p50_ms"] > serving.max_slowdown * champion["p50_ms"]:
        causes.append(
            f"latency p50 {mine['p50_ms']:.1f} ms is "
            f"{mine['p50_ms'] / champion['p50_ms']:.1f} times "
            f"the champion's, above max_slowdown {serving.max_slowdown:g}"
        )
    return causes


def _vocabulary_faults(path: str, labels: list[str]) -> Iterator[str]:
    try:
        own = saved_vocabulary.read(path)
    except Exception as error:
        if not is_file_error(error):
            raise
        yield f"the asset {saved_vocabulary.FILE} is missing"
        return
    if own != labels:
        yield f"the labels of {saved_vocabulary.FILE}, or their order, differ from the training's"


def _names(protocols: Mapping) -> list[str]:
    """The SHA-256 of each request's transformed pixels."""
    [answers] = [said["answers"][TRANSFORM] for said in protocols.values()
                 if TRANSFORM in said["answers"]]  # fmt: skip
    return [hashlib.sha256(image).hexdigest() for image in answers["all"]["image"].ravel()]


def _right(names: list[str], expected: Mapping) -> np.ndarray:
    """(requests, values) the probabilities of each request."""
    from_json = _task(expected).from_json
    return np.array([from_json(expected["answers"][name]) for name in names], float)


def _task(expected: Mapping) -> ModuleType:
    return answers_of(expected.get("task", "classification"))


def _signature_faults(answers: Mapping, right: np.ndarray, expected: Mapping) -> Iterator[str]:
    """What one signature gives, batch by batch: its outputs, their values and their sense."""
    task = _task(expected)
    missing = [name for name in task.OUTPUTS if name not in answers["all"]]
    if missing:
        yield f"does not give {missing[0]}, only {', '.join(sorted(answers['all']))}"
    for name, answer in answers.items():
        given = answer["probabilities"]
        count, *shape = given.shape
        if shape[-1:] != [len(expected["labels"])] or np.prod(shape) != right.shape[1]:
            yield f"gives probabilities of shape {list(given.shape)}"
        if not np.isfinite(given).all():
            yield "gives probabilities that are NaN or infinite"
        off = np.abs(given.reshape(count, -1) - right[:count]).max()
        if off > TOLERANCE:
            yield (
                f"gives other probabilities than the training ({_BATCHES[name].format(count)}, "
                f"off by {off:.2g})"
            )
        yield from task.contradictions(answer, expected)
