"""What is kept of spans below a pipeline root, so that each is read and transformed once.

    <key of a span>/examples/    its shards, as ExampleGen made them, and `span.json`
    <key of a span>/statistics/  and whatever else a component made of these shards alone
    read/                        what was found in the place of each span

All names are hashes of what the content depends on, the code included: what has changed has
another name. A file gets its name when it is whole, and is never written to again.
"""

import contextlib
import hashlib
import os
import pickle
import shutil
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from components.spans.pattern import Place
from files import locks, places, writing
from files.strict_json import text_of
from settings.section import Section

SPANS = "spans"  # the store's folder below a pipeline root
_EXAMPLES, _READ, _RECORD, _LOCK = "examples", "read", "span.json", ".lock"
_OTHERS = (_READ, _LOCK)  # in the folder, beside those of spans
_LEAVING = f".leaving{places.UNFINISHED}"  # ends the name of a span that is being removed
_DIGITS = 32  # of a SHA-256, hexadecimal


class SpanStore(Section):
    """Where one component keeps what it makes of spans; without a folder it keeps nothing."""

    folder: str = ""
    code: str = ""  # changes with the component's code

    def __bool__(self) -> bool:
        return bool(self.folder)

    @property
    def root(self) -> str:
        """The pipeline root that the folder is below."""
        return os.path.dirname(self.folder)

    def key(self, *parts: Any) -> str:
        """The name of what depends on these JSON values and on the component's code."""
        text = text_of([self.code, *parts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

    def examples(self, key: str) -> str:
        """The folder of a span's shards."""
        return os.path.join(self.folder, key, _EXAMPLES)

    def made(self, key: str, kind: str, *parts: Any) -> str:
        """The file of what this component made of a span.

        Args:
          key: the span's.
          kind: a folder, such as "statistics".
          parts: JSON values that it depends on, besides the span and the code.
        """
        return os.path.join(self.folder, key, kind, self.key(kind, *parts))

    def read_place(self, place: Place, *parts: Any) -> str:
        """The file of what was found in a span's place, read as these JSON values say."""
        name = f"{place.span}-{self.key(place, *parts)}"
        return os.path.join(self.folder, _READ, name)

    @contextlib.contextmanager
    def locked(self, wait: bool = True) -> Iterator[None]:
        """Keeps other runs from adding or pruning spans: two of them may share a volume.

        Raises:
          InUse: another run does so, and `wait` is False.
        """
        writing.make_folder(self.folder)
        with locks.hold(os.path.join(self.folder, _LOCK), wait=wait):
            yield


NO_STORE = SpanStore()


class _Restricted(pickle.Unpickler):
    """Makes values of the known types only: whoever can write to the store cannot run code.

    A type that is missing here costs time alone: what holds one is computed again in every run.
    """

    def find_class(self, module: str, name: str) -> Any:
        if name not in _KNOWN.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is not kept here")
        return super().find_class(module, name)


_TFDV = "tensorflow_data_validation"
_KNOWN = {
    "collections": {"Counter"},
    "components.examples.contents": {"ImageFiles"},
    "components.examples.entries": {"Entry"},
    "components.spans.marks": {"Marks"},
    "components.statistics_gen.image_statistics": {"Gathered"},
    "components.tfrecords_example_gen.contents": {"RecordFiles"},
    "components.tfrecords_example_gen.example_check": {"Kinds"},
    "components.tfrecords_example_gen.scan": {"Scan"},
    "components.transform.corrupt_images": {"CorruptImage"},
    "components.transform.shards": {"ShardResult"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    f"{_TFDV}.statistics.generators.basic_stats_generator": {
        "_BasicAcctype",
        "_PartialBasicStats",
        "_PartialBytesStats",
        "_PartialCommonStats",
        "_PartialNumericStats",
        "_PartialStringStats",
        "_PresenceAndValencyStats",
    },
    f"{_TFDV}.statistics.generators.top_k_uniques_sketch_stats_generator": {"_CombinedSketch"},
    f"{_TFDV}.utils.path": {"FeaturePath"},
    f"{_TFDV}.utils.variance_util": {"MeanVarAccumulator"},
    "tfx_bsl.cc.tfx_bsl_extension.sketches": {"KmvSketch", "MisraGriesSketch", "QuantilesSketch"},
}


def load(path: str) -> Any:
    """What `keep` left; None where there is nothing that can be used."""
    try:
        with open(path, "rb") as file:
            return _Restricted(file).load()
    except FileNotFoundError:
        return None
    except Exception:  # Damaged pickles raise anything; what is missing is computed again.
        return None


def keep(path: str, value: Any) -> None:
    """Leaves a value for later runs; raises Failure where it cannot be written."""
    writing.write(path, pickle.dumps(value))


class Kept:
    """A span of the store: its `key`, `pattern`, `place`, and examples by split, `counts`."""

    def __init__(self, folder: str, key: str, record: dict[str, Any]):
        self._folder = os.path.join(folder, key)
        self.key = key
        self.pattern: str = record["pattern"]
        self.place = Place(*record["place"])
        self.counts: dict[str, int] = record["counts"]
        self.fingerprint: str = record["fingerprint"]
        # When a run last read it, in seconds since 1970.
        self.used: float = os.stat(self._folder).st_mtime

    @property
    def bytes(self) -> int:
        return _bytes_of(self._folder)

    @property
    def kinds(self) -> list[str]:
        """What is kept of it, such as ["examples", "statistics"]."""
        return [os.path.basename(path) for path in places.files_in(self._folder)]

    def remove(self) -> None:
        writing.remove_at_once(self._folder, f"{self._folder}{_LEAVING}")


def record(unfinished: str, pattern: str, place: Place, counts: dict, fingerprint: str) -> None:
    """Writes, beside the shards of a span, what they are of."""
    content = {"pattern": pattern, "place": place, "counts": counts, "fingerprint": fingerprint}
    writing.write(os.path.join(unfinished, _RECORD), text_of(content))


def kept_spans(folder: str, pattern: str | None = None) -> list[Kept]:
    """The spans that a store holds, of one pattern or of all, in rising order."""
    found = []
    for path in places.files_in(folder):
        content = places.read_json(os.path.join(path, _EXAMPLES, _RECORD))
        if content is not None and pattern in (None, content["pattern"]):
            with contextlib.suppress(FileNotFoundError):  # Another run has just removed it.
                found.append(Kept(folder, os.path.basename(path), content))
    return sorted(found, key=lambda kept: (kept.place.span, kept.place.version or 0, kept.used))


def mark_used(folder: str, names: Collection[str]) -> None:
    """Makes these the last of a folder to be removed, those of them that are there."""
    with writing.reported(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.utime(os.path.join(folder, name))


def drop(folder: str, pattern: str, span: int) -> list[tuple[str, int]]:
    """Removes all that is kept of a span, whatever its version and content.

    Returns:
      The key and the bytes of each content.
    """
    dropped = []
    for kept in kept_spans(folder, pattern):
        if kept.place.span == span:
            dropped.append((kept.key, kept.bytes))
            kept.remove()
    for path in _found(folder):
        if _span_of(path) == str(span):
            writing.remove(path)
    return dropped


def prune(store: SpanStore, most_bytes: float, keys: Collection[str]) -> None:
    """Removes what was used longest ago, until the rest takes at most this many bytes.

    What was found in the place of a span goes in any case where nothing else is kept of the span.
    Nothing is removed while another run adds a span, as that run prunes when it ends.

    Args:
      keys: of spans that stay in any case, with what was last found in their places.

    Raises:
      Failure: the store cannot be changed.
    """
    with (
        writing.reported(store.folder),
        contextlib.suppress(locks.InUse),
        store.locked(wait=False),
    ):
        for name in os.listdir(store.folder):
            if name.endswith(_LEAVING):  # A kill has stopped its removal.
                shutil.rmtree(os.path.join(store.folder, name), ignore_errors=True)
        kept = {one.key: str(one.place.span) for one in kept_spans(store.folder)}
        spans = set(kept.values())
        found = {path: _span_of(path) for path in _found(store.folder)}
        for path, span in found.items():
            if span not in spans:
                writing.remove(path)
        used = _used([*_spans(store.folder), *found])
        by_use = sorted(used, key=used.get)
        last_found = {found[path]: path for path in by_use if path in found}
        stay = {os.path.join(store.folder, key) for key in keys}
        stay |= {last_found.get(kept.get(key)) for key in keys}
        sizes = {path: _bytes_of(path) for path in used}
        total = sum(sizes.values())
        for path in by_use:
            if total > most_bytes and path not in stay:
                total -= sizes[path]
                _remove(path)


def _spans(folder: str) -> list[str]:
    """The folders of spans."""
    return [path for path in places.files_in(folder) if os.path.basename(path) not in _OTHERS]


def _found(folder: str) -> list[str]:
    """The files of what was found in the places of spans."""
    return places.files_in(os.path.join(folder, _READ))


def _span_of(found: str) -> str:
    return os.path.basename(found).partition("-")[0]


def _used(paths: Iterable[str]) -> dict[str, float]:
    """When each of them was last used, of those that are there."""
    used = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # `drop` has just removed it.
            used[path] = os.path.getmtime(path)
    return used


def _bytes_of(path: str) -> int:
    """Of a file, or of those in a folder; other runs may rename or remove some meanwhile."""
    inside = [os.path.join(path, file) for file in places.files_below(path)]
    total = 0
    for file in [path] if os.path.isfile(path) else inside:
        with contextlib.suppress(FileNotFoundError):
            total += os.path.getsize(file)
    return total


def _remove(path: str) -> None:
    if os.path.isfile(path):
        writing.remove(path)
    else:
        writing.remove_at_once(path, f"{path}{_LEAVING}")
