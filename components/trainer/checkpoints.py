"""The state that a killed training resumes from, and which training it belongs to."""

import contextlib
import dataclasses
import hashlib
import io
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import augmentations
import metrics
import models
from components import tasks
from components.trainer.input.each_file import of_each
from components.transform import content_digest
from files import places, writing
from files.places import files_below, files_in, read_json
from files.strict_json import text_of

# A checkpoint of a large model takes seconds: writing never takes more of the training than this.
_LARGEST_SHARE = 0.02
_CHECKPOINT = "checkpoint"  # the file's name
_STEP_DIGITS = 16
_DAY = 86400.0  # seconds
_KEPT_DAYS, _ENDED_KEPT_DAYS = 30, 1  # An hourly schedule leaves 24 that have ended.
# The folders of trainings and of a Tuner's searches, and those of trainings that have ended.
_OURS = re.compile(r"(?:tuner-)?[0-9a-f]{64}(?P<ended>-[0-9a-f]{16})?")
LOCK = ".lock"  # behind the name of a search's folder: the file that is locked during a search
_DIGEST_BYTES = 32  # SHA-256 of what follows, to detect a damaged file
_SAMPLES, _SAMPLE_BYTES = 16, 1 << 16  # of each input file, evenly spaced
# The graph that made the examples names the run's folder. Only the exported model is made of it.
_GRAPH = ("saved_model.pb", "fingerprint.pb")

# A metric decides which epoch is the best one, and when a training stops.
_ROOMS = (
    Path(__file__).parent,
    *(Path(room.__file__).parent for room in (models, augmentations, metrics)),
)
_CODE = (
    *(file for room in _ROOMS for file in sorted(room.rglob("*.py"))),
    *sorted(Path(tasks.__file__).parent.glob("*/training.py")),
)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A training between two steps."""

    step: int  # how many are taken; with the order in `state`, it decides which batch comes next
    state: dict  # the rest of what is resumed, as JSON values
    variables: Sequence[np.ndarray]  # of the model, the optimizer and the epoch's tallies
    best_weights: Sequence[np.ndarray]  # of the best epoch so far; empty before the first


class Checkpoints:
    """The checkpoint of one training: a single file, always replaced whole.

    Args:
      folder: for this training only; None keeps no checkpoint.
      every_steps: steps between checkpoints; None goes by time only.
      every_seconds: time between checkpoints, and so the work that a kill may cost.
      attempts_of: names the step that trains, where it may be attempted again even after the
        training has ended; "" where it is not.
    """

    def __init__(
        self,
        folder: str | None,
        every_steps: int | None,
        every_seconds: float,
        attempts_of: str = "",
    ):
        self._folder = folder
        self._attempts_of = attempts_of
        self._every_steps = every_steps
        self._every_seconds = every_seconds
        self._next = time.monotonic() + every_seconds

    @property
    def kept(self) -> bool:
        return self._folder is not None

    def due(self, step: int, steps: int = 1) -> bool:
        """Whether to write one after `step`, the last of `steps` taken at once."""
        if self._folder is None:
            return False
        return self.due_by_steps(step, steps) or time.monotonic() >= self._next

    def due_by_steps(self, step: int, steps: int = 1) -> bool:
        """`due`, without regard to the time."""
        every = self._every_steps
        if self._folder is None or every is None:
            return False
        return crossed(every, step, steps)

    def write(self, checkpoint: Checkpoint) -> None:
        """Raises Failure if it cannot be written."""
        started = time.monotonic()
        content = _to_bytes(checkpoint)
        writing.write(self._path, hashlib.sha256(content).digest() + content)
        ended = time.monotonic()
        self._next = ended + max(self._every_seconds, (ended - started) / _LARGEST_SHARE)

    def read(self) -> Checkpoint | None:
        """The last one written; None if there is no usable one.

        Of this one and that of an earlier attempt that has ended it is the one of the larger step:
        another run may have begun the same training since.
        """
        if self._folder is None:
            return None
        paths = [self._path]
        if self._attempts_of:
            paths.append(os.path.join(self._finished, _CHECKPOINT))
        usable = [found for path in paths if (found := _usable(path)) is not None]
        return max(usable, key=lambda found: found.step, default=None)

    def write_beside(self, name: str, content: Any) -> None:
        """Keeps JSON values in the file `name` for as long as the checkpoint.

        Raises Failure if it cannot be written.
        """
        if self._folder is not None:
            writing.write(os.path.join(self._folder, name), text_of(content))

    def read_beside(self, name: str) -> Any:
        """What `write_beside` kept; None if there is nothing, or it is damaged."""
        return None if self._folder is None else read_json(os.path.join(self._folder, name))

    def remove(self) -> None:
        if self._folder is not None:
            writing.remove(self._folder)

    def remove_abandoned(self) -> None:
        """Removes what other trainings and searches left beside this one and did not go on with.

        That is after 30 days, or a day for what a training has left that has ended. In a bucket,
        nothing is removed.
        """
        if self._folder is None or places.is_remote(self._folder):
            return
        own = {os.path.basename(path) for path in (self._folder, self._finished)}
        for path in files_in(os.path.dirname(self._folder)):
            name = os.path.basename(path)
            ours = _OURS.fullmatch(name)
            if not ours or name in own:
                continue
            days = _ENDED_KEPT_DAYS if ours["ended"] else _KEPT_DAYS
            with contextlib.suppress(OSError):  # Another training removes it too.
                if time.time() - _last_change(path) > days * _DAY:
                    writing.remove(path)
                    writing.remove(f"{path}{LOCK}")

    def finish(self) -> None:
        """Removes what a training has left that has ended, with all its results written.

        What another attempt at the step would go on from is kept for that one alone: others with
        the same inputs train anew.
        """
        if self._folder is None:
            return
        try:
            if self._attempts_of and tf.io.gfile.exists(self._path):
                writing.make_folder(self._finished)
                writing.publish(self._path, os.path.join(self._finished, _CHECKPOINT))
            self.remove()
        except Exception as error:
            if not places.is_file_error(error):
                raise
            # The results count for more.
            logging.warning("%s stays for now: %s", self._folder, places.why(error))

    @property
    def _path(self) -> str:
        return os.path.join(self._folder, _CHECKPOINT)

    @property
    def _finished(self) -> str:
        """The folder of a training that has ended, of this step alone."""
        step = hashlib.sha256(self._attempts_of.encode()).hexdigest()[:_STEP_DIGITS]
        return f"{self._folder}-{step}"


def _usable(path: str) -> Checkpoint | None:
    """What is in a file; None if it is not there or damaged."""
    if not tf.io.gfile.exists(path):
        return None
    with contextlib.suppress(OSError):  # So it counts as used; in a bucket nothing does.
        os.utime(path)
    with tf.io.gfile.GFile(path, "rb") as file:
        digest, content = file.read(_DIGEST_BYTES), file.read()
    if hashlib.sha256(content).digest() != digest:
        logging.warning("%s is damaged: the training does not go on from it.", path)
        return None
    return _from_bytes(content)


def _last_change(folder: str) -> float:
    """When anything in a local folder was last written, in seconds since 1970."""
    files = ["", *files_below(folder)]
    return max(os.stat(os.path.join(folder, file)).st_mtime for file in files)


def crossed(every: int, step: int, steps: int) -> bool:
    """Whether a multiple of `every` is among the last `steps` steps up to `step`."""
    return step // every > (step - steps) // every


def _to_bytes(checkpoint: Checkpoint) -> bytes:
    content = io.BytesIO()
    arrays = {f"variable_{i}": array for i, array in enumerate(checkpoint.variables)}
    arrays |= {f"best_{i}": array for i, array in enumerate(checkpoint.best_weights)}
    # NumPy writes a type that it does not know, as bfloat16, without its name.
    foreign = {key: array for key, array in arrays.items() if array.dtype.isbuiltin == 2}
    arrays |= {key: np.asarray(array).view(f"u{array.itemsize}") for key, array in foreign.items()}
    about = {
        "step": checkpoint.step,
        "state": checkpoint.state,
        "dtypes": {key: array.dtype.name for key, array in foreign.items()},
    }
    np.savez(content, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)
    return content.getvalue()


def _from_bytes(content: bytes) -> Checkpoint:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        return Checkpoint(
            step=about["step"],
            state=about["state"],
            variables=_numbered(arrays, "variable", about["dtypes"]),
            best_weights=_numbered(arrays, "best", about["dtypes"]),
        )


def _numbered(
    arrays: np.lib.npyio.NpzFile, prefix: str, dtypes: Mapping[str, str]
) -> list[np.ndarray]:
    keys = [name for name in arrays.files if name.startswith(f"{prefix}_")]  # as they were written
    return [
        arrays[key].view(tf.as_dtype(dtypes[key]).as_numpy_dtype) if key in dtypes else arrays[key]
        for key in keys
    ]


def fingerprint(folders: Iterable[str], about: Mapping[str, Any], weights: str = "") -> str:
    """64 hexadecimal digits that change with any input, any of `about`, and this code.

    Names, sizes and samples of the files in `folders` stand for their content. Examples that
    Transform made are not read: beside them lies a digest of all their records. Files' times and
    the folders' own paths do not count: where Kubeflow repeats a step, its launcher has downloaded
    them anew, and each run has other paths. Files in a bucket are not read: their times count.

    Args:
      weights: stands for the content of `model.weights`, of which each worker may have a copy of
        its own.
    """
    content = {
        "about": dict(about),
        "weights": weights,
        "versions": [keras.__version__, tf.__version__],
        "files": [_seen(folder) for folder in folders],
        # A changed model may well have weights of the same shapes as before.
        "code": [file.read_text() for file in _CODE],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _seen(folder: str) -> list[tuple[str, int, str]]:
    """Of each file below a folder its path from there, length, and what stands for its content."""
    names = [name for name in files_below(folder) if os.path.basename(name) not in _GRAPH]
    is_told = content_digest.FILE in names

    def seen(name: str) -> tuple[str, int, str]:
        by_digest = is_told and name != content_digest.FILE
        return name, *_content_of(os.path.join(folder, name), by_digest)

    return of_each(seen, names)


def _content_of(file: str, by_digest: bool) -> tuple[int, str]:
    """A file's length and what stands for its content; "" where another file does."""
    if places.is_remote(file):
        status = tf.io.gfile.stat(file)
        return status.length, str(status.mtime_nsec)
    size, digest = os.path.getsize(file), hashlib.sha256()
    if by_digest:
        return size, ""
    with open(file, "rb") as stream:
        for sample in range(_SAMPLES):
            stream.seek(max(0, size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
            digest.update(stream.read(_SAMPLE_BYTES))
    return size, digest.hexdigest()
