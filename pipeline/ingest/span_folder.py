"""The folders of spans: TFRecords, dead letters, and the manifest of the offsets they hold.

A span appears by one rename, with all of its files on the disk. Its manifest alone says where
the next one begins.
"""

import base64
import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from components.spans.pattern import absolute, form_of, places
from components.tfrecords_example_gen.example_check import Kinds
from failures import Failure
from files import locks, tfrecords, writing
from files.places import UNFINISHED, read_json
from files.strict_json import text_of
from pipeline.ingest.in_background import InBackground
from pipeline.ingest.messages import DeadLetter
from settings.spans import SPEC

MANIFEST, DEAD_LETTERS = "manifest.json", "dead-letters.jsonl"
_SHARD_BYTES = 128 << 20
_RUN_BYTES, _BUFFER_BYTES = 2 << 20, 1 << 20
_NEXT_STEP = "Free space or correct the permissions there, then run again."


class Manifest(NamedTuple):
    """What a span records about itself."""

    path: str  # of the span
    topic: str
    cluster: str | None  # the id that the brokers give
    partitions: dict[int, tuple[int, int]]  # from the first offset to before the last
    kinds: Kinds

    @property
    def ends(self) -> dict[int, int]:
        return {partition: end for partition, (_, end) in self.partitions.items()}


class SpanFolders:
    """The spans of a pattern such as incoming/span-{SPAN}, all of one topic."""

    def __init__(self, pattern: str):
        self.pattern = absolute(pattern)
        self.parent, self._name = os.path.split(self.pattern)

    def hold(self) -> contextlib.ExitStack:
        """Keeps other ingests of these spans out until the block or the process ends.

        Raises:
          InUse: another process ingests; names it.
          Failure: the folder cannot be written.
        """
        # Spans of other widths have the same names. Earlier versions hold the pattern as it is.
        names = dict.fromkeys([SPEC.sub("{SPAN}", self._name), self._name])
        with writing.reported(self.parent, _NEXT_STEP), contextlib.ExitStack() as held:
            writing.make_folder(self.parent)
            try:
                for name in names:
                    path = os.path.join(self.parent, f".{name}.lock")
                    held.enter_context(locks.hold(path, wait=False))
            except locks.InUse as error:
                raise locks.InUse(
                    f"{self.pattern} is being written by {error.holder}. Wait until it ends.",
                    error.holder,
                ) from None
            return held.pop_all()

    def remove_unfinished(self) -> None:
        """Removes what a killed ingest left; only for who holds the folders."""
        form = form_of(self._name)
        with writing.reported(self.parent, _NEXT_STEP):
            for name in os.listdir(self.parent):
                if name.endswith(UNFINISHED) and form.fullmatch(name.removesuffix(UNFINISHED)):
                    writing.remove(os.path.join(self.parent, name))

    def newest(self) -> tuple[int, Manifest | None]:
        """The newest span's number and manifest; (0, None) where there is none.

        Raises:
          Failure: its manifest is missing or damaged.
        """
        found = places(self.pattern)
        if not found:
            return 0, None
        return found[-1].span, read_manifest(found[-1].path)

    def path_of(self, number: int) -> str:
        """The folder of a span; raises Failure where no run would find it."""

        def digits(spec):
            return f"{number:0{int(spec[2] or 1)}d}"

        name = SPEC.sub(digits, self._name)
        if not form_of(self._name).fullmatch(name):
            # A greater width would not fit the spans before it, whose messages would come again.
            raise Failure(
                f"data.path {self.pattern} has no digit left for span {number}. Write {{SPAN}} "
                "there, without a width, which fits the spans before it as well."
            )
        return os.path.join(self.parent, name)


def read_manifest(path: str) -> Manifest:
    """The manifest of a span; raises Failure where it has none that can be read."""
    found = read_json(os.path.join(path, MANIFEST))
    try:
        partitions = {int(p): (int(a), int(b)) for p, (a, b) in found["partitions"].items()}
        # Spans of earlier versions do not say what weights are.
        kinds = Kinds(found["label_kind"] or "", found.get("weight_kind") or "")
        return Manifest(path, found["topic"], found["cluster"], partitions, kinds)
    except (TypeError, KeyError, ValueError, AttributeError):
        raise Failure(
            f"{path} has no {MANIFEST} of `ingest`, which alone says where to go on. Put it back, "
            "or name another folder in data.path."
        ) from None


class SpanWriter:
    """Writes the files of a span into a folder; nothing of it counts before that has its name."""

    def __init__(self, folder: str):
        self.examples = self.bytes = 0  # bytes of the messages' values
        self.dead_letters = Counter()  # by kind
        self._folder, self._letters = folder, None
        self._shard, self._shards = None, 0
        self._run, self._run_bytes = [], 0
        # Else reading would wait for the disk: half of the time, and more at the end.
        self._writing, self._syncing = InBackground(2), InBackground(2)
        writing.make_folder(folder)

    @property
    def messages(self) -> int:
        return self.examples + self.dead_letters.total()

    def add(self, record: list[bytes], size: int) -> None:
        """Writes the record of a message whose value has this size."""
        self._run.append(record)
        self._run_bytes += size
        if self._run_bytes >= _RUN_BYTES:
            self._flush()
        self.examples += 1
        self.bytes += size

    def set_aside(self, message, why: DeadLetter) -> None:
        """Writes a message that is not an example into the file of dead letters."""
        if self._letters is None:
            path = os.path.join(self._folder, DEAD_LETTERS)
            self._letters = open(path, "wb", _BUFFER_BYTES)  # noqa: SIM115
        value = message.value()
        letter = {
            "partition": message.partition(),
            "offset": message.offset(),
            "kind": why.kind,
            "reason": str(why),
            "timestamp_ms": message.timestamp()[1],
            "key": _base64(message.key()),
            "headers": _headers(message),
            "value": _base64(value),
        }
        self._letters.write(f"{text_of(letter)}\n".encode())
        self.dead_letters[why.kind] += 1
        self.bytes += len(value or b"")

    def close(self) -> None:
        """Closes the files, also where not all could be written."""
        self._writing.end()
        self._syncing.end()
        for file in (self._shard, self._letters):
            if file is not None:
                file.close()

    def finish(self, manifest: Manifest, span: int, lost: Mapping[int, tuple[int, int]]) -> None:
        """Writes what is still held, and the manifest beside it."""
        self._flush()
        self._writing.finish()
        self._syncing.finish()
        content = {
            "span": span,
            "topic": manifest.topic,
            "cluster": manifest.cluster,
            "partitions": manifest.partitions,
            "label_kind": manifest.kinds.label,
            "weight_kind": manifest.kinds.weight,
            "messages": self.messages,
            "examples": self.examples,
            "bytes": self.bytes,
            "dead_letters": self.dead_letters.total(),
            "dead_letters_by_kind": dict(self.dead_letters),
            "lost": dict(lost),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with open(os.path.join(self._folder, MANIFEST), "w", encoding="utf-8") as file:
            lines = [f"  {text_of(key)}: {text_of(value)}" for key, value in content.items()]
            file.write("{\n" + ",\n".join(lines) + "\n}\n")

    def _flush(self) -> None:
        self._writing(self._write, self._run)
        self._run, self._run_bytes = [], 0

    def _write(self, records: list[list[bytes]]) -> None:
        """In the background: appends records to the shard, or to the next one."""
        if self._shard is None:
            path = os.path.join(self._folder, f"messages-{self._shards:05d}.tfrecord")
            self._shard = open(path, "wb", _BUFFER_BYTES)  # noqa: SIM115
            self._shards += 1
        self._shard.writelines(itertools.chain.from_iterable(map(tfrecords.framed, records)))
        if self._shard.tell() >= _SHARD_BYTES:
            self._shard.close()
            self._syncing(writing.sync, self._shard.name)
            self._shard = None


@contextlib.contextmanager
def reporting(path: str):
    """Turns an error of writing a span, in the block, into a Failure."""
    with writing.reported(path, _NEXT_STEP):
        yield


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode("ascii")


def _headers(message) -> list[list[str | None]]:
    try:
        return [[name, _base64(value)] for name, value in message.headers() or ()]
    except UnicodeDecodeError:
        return []
