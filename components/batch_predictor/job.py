"""Predicts many records with one loaded model: in order, resumable, each one counted."""

import collections
import contextlib
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from components.batch_predictor import sources
from components.batch_predictor.answer import Answer, is_below, numbers
from components.batch_predictor.images import READS_AT_ONCE
from components.batch_predictor.pushed_model import PushedModel
from components.batch_predictor.sources import Run
from components.images_at_once import Calls, calls_at_once
from components.in_parallel import in_threads
from failures import Failure
from files import locks
from files.buckets.addresses import is_bucket
from files.strict_json import text_of
from files.writing import UNFINISHED, whole_file

JOB = "job.json"
ROWS = "rows"  # a folder of what a table had
_LOCK = ".lock"


@dataclass(frozen=True)
class Tally:
    """How many records there were, how many got no answer, and how many one that is rejected."""

    records: int
    failed: int
    rejected: int


def predict_runs(
    model: PushedModel,
    runs: Sequence[Run],
    output: str,
    progress: Callable[[int], None],
    reject_below: float | None = None,
) -> Tally:
    """Writes `predictions-00000-of-0000n.jsonl`, one file a run and one line a record.

    A line is {"id", "probabilities"} and what the task's answers have beside them: "class" and
    "label", or for segmentation "shares" of the pixels by class and "mask_png", the base64 of a PNG
    of class ids, or for multi-label classification "labels". Or it is {"id", "error"}. With
    `reject_below`, a class has "rejected": whether its probability is lower.

    A file appears whole, once it is on disk; files that the same job has finished are kept. It is
    another job with another model, or where a record, its name or its file has changed.

    It calls `progress` with the number of records just finished.

    Raises:
      Failure: the folder holds another job's predictions, is in use or cannot be written, an
        input cannot be read, or a file does not have one line for each record.
    """
    folder = Path(output)
    try:
        failed = rejected = 0
        folder.mkdir(parents=True, exist_ok=True)
        refuse_other_files(folder)  # Before the lock, which is a file in the folder.
        calls = calls_at_once(min(sources.BATCH, model.at_once or sources.BATCH))
        with alone_in(folder), _threads(calls.number) as threads:
            _claim(folder, model, runs, reject_below)
            parts = range(len(runs))
            files = [folder / f"predictions-{part:05}-of-{len(runs):05}.jsonl" for part in parts]
            missing = [not file.exists() for file in files]
            unfinished = list(itertools.compress(runs, missing))
            found = sources.batches_of(unfinished, calls.images, calls.image_bytes)
            for file, run, is_missing in zip(files, runs, missing, strict=True):
                if is_missing:
                    lines = _lines(model, run, next(found), threads, calls, reject_below)
                    _write(file, lines, progress)
                else:
                    progress(run.count)
                of_file = _check(file, run)
                failed += of_file.failed
                rejected += of_file.rejected
    except OSError as error:
        raise Failure(
            f"--output {output} cannot be written: {error.strerror or error}. Free space, or "
            "name another folder; the same command continues with the unfinished files."
        ) from error
    return Tally(sum(run.count for run in runs), failed, rejected)


def alone_in(folder: str | Path) -> BinaryIO:
    """Keeps other jobs out of a folder for predictions: `with alone_in(folder): …`.

    Raises:
      Failure: one is at work there.
      OSError: the folder cannot be written.
    """
    try:
        return locks.hold(Path(folder) / _LOCK, wait=False)
    except locks.InUse as error:
        raise Failure(
            f"--output {folder} is being written by {error.holder}. Wait for it, or name "
            "another folder."
        ) from None


@contextlib.contextmanager
def _threads(number: int) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(number) as threads:
        try:
            yield threads
        finally:
            # Else a failure or Ctrl-C would wait for batches that nobody wants.
            threads.shutdown(cancel_futures=True)


def _claim(
    folder: Path, model: PushedModel, runs: Sequence[Run], reject_below: float | None
) -> None:
    contents = in_threads(_content_of, runs, READS_AT_ONCE)
    job = {
        "model": model.path if is_bucket(model.path) else os.path.abspath(model.path),
        # After another training, the same path may be that of another model.
        "fingerprint": model.fingerprint,
        "runs": [
            [run.place, run.start, run.count, content]
            for run, content in zip(runs, contents, strict=True)
        ],
    }
    if reject_below is not None:
        job["reject_below"] = reject_below
    text = text_of(job, indent=1, sort_keys=True)
    file = folder / JOB
    if file.exists():
        if file.read_text() != text:
            raise Failure(
                f"--output {folder} holds predictions of another model or other data, or by "
                "another --reject-below or version of this project. Name another folder, or remove "
                "this one."
            )
    else:
        _write(file, iter([(text, 0)]), lambda _: None)


def refuse_other_files(folder: str | Path) -> None:
    """Raises a Failure where a folder for predictions holds other files than a job's."""
    names = set(os.listdir(folder))
    if JOB not in names and names - {_LOCK, JOB + UNFINISHED, ROWS, ROWS + UNFINISHED}:
        raise Failure(f"--output {folder} holds other files. Name an empty or a new folder.")


def _content_of(run: Run) -> str:
    """A digest that is another one where the records, or what they are called, may be others."""
    files = run.version or [
        _state_of(path, bool(run.paths)) for path in run.paths or [run.path or run.place]
    ]
    return hashlib.sha256(text_of([run.names, files]).encode()).hexdigest()


def _state_of(path: str, may_be_missing: bool) -> tuple:
    try:
        found = os.stat(path)
    except OSError as error:
        if may_be_missing:  # Such an image has an answer of its own.
            return (path,)
        raise Failure(
            f"{error.filename} cannot be read: {error.strerror}. Run the command again."
        ) from error
    return path, found.st_size, found.st_mtime_ns


def _lines(
    model: PushedModel,
    run: Run,
    batches: Iterator[list],
    threads: ThreadPoolExecutor,
    calls: Calls,
    reject_below: float | None,
) -> Iterator[tuple[str, int]]:
    """(lines of a batch, records in it), in order, a few batches ahead at most."""
    waiting = collections.deque()
    first = run.start
    for batch in batches:
        names = run.names[first - run.start : first - run.start + len(batch)]
        ids = names or range(first, first + len(batch))
        waiting.append(threads.submit(_answered, model, batch, ids, bool(run.names), reject_below))
        first += len(batch)
        if len(waiting) > 2 * calls.number:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _answered(model, batch, ids, are_images, reject_below) -> tuple[str, int]:
    ask = model.answer_images if are_images else model.answer_examples
    lines = [
        _line(name, answer, model.answers, reject_below)
        for name, answer in zip(ids, ask(batch), strict=True)
    ]
    return "".join(lines), len(batch)


def _line(name: str | int, answer: Answer, answers: ModuleType, reject_below: float | None) -> str:
    if answer.error:
        return text_of({"id": name, "error": answer.error}) + "\n"
    found = {"id": text_of(name), **answers.columns(answer)}
    if reject_below is not None:
        found["rejected"] = text_of(is_below(answers.confidence(answer), reject_below))
    found["probabilities"] = numbers(answer.probabilities)
    return "{" + ", ".join([f'"{key}": {value}' for key, value in found.items()]) + "}\n"


def _write(file: Path, chunks: Iterator[tuple[str, int]], progress: Callable) -> None:
    with whole_file(file) as unfinished, open(unfinished, "w", encoding="utf-8") as text:
        for chunk, records in chunks:
            text.write(chunk)
            progress(records)


def _check(file: Path, run: Run) -> Tally:
    """What a file holds; there must be a line for each record."""
    lines = failed = rejected = 0
    with file.open("rb") as text:
        for line in text:
            lines += 1
            failed += b'"probabilities": [' not in line
            rejected += b', "rejected": true, "probabilities": [' in line
    if lines != run.count:
        raise Failure(
            f"{file} holds {lines} predictions for {run.count} records of {run.place}. Remove "
            "the file and run the command again."
        )
    return Tally(lines, failed, rejected)
