"""All that the pipeline has to know of TFRecord files before it writes Examples."""

import contextlib
import functools
import hashlib
import itertools
import logging
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from components.examples.contents import OnePlace
from components.examples.counted import check_written
from components.examples.draws import BY_DEFAULT, check_splits, listed
from components.examples.findings import log_lines, remarks
from components.examples.local_copies import local
from components.examples.picture_files import shown
from components.examples.shards import all_or_none, write_all
from components.in_parallel import in_processes, in_threads, processes_if
from components.spans.contents import WindowDriver
from components.tfrecords_example_gen import pieces
from components.tfrecords_example_gen.scan import Scan, scan
from components.usable_cores import usable_cores
from failures import Failure
from files.walking import matching
from settings.data import Features
from settings.tfrecords_source import TfrecordSplits, TfrecordsSource

_MUCH = 256 << 20  # bytes of records, which take half a second or more twice
_BY_CONTENT = TfrecordSplits(**BY_DEFAULT)


@dataclass(frozen=True)
class RecordFiles(OnePlace):
    """TFRecord files as they were when they were read."""

    scans: list[Scan]  # by path
    roles: list[str]
    role_of: list[np.ndarray]  # for each file (records,) int8, places in `roles`
    name: str  # of the folder, for messages
    label_feature: str | None  # None where masks are read
    weight_feature: str | None
    findings: dict[str, list[str]]  # files that are left out, by kind, as `findings.WORDS` has it
    held: Any = field(default=None, kw_only=True)  # what keeps the files as they are

    @property
    def fingerprint(self):
        """Of each split's records; their order and files do not count."""
        digest = hashlib.sha256()
        for number, role in enumerate(self.roles):
            found = [one.records[mine == number] for one, mine in self._pairs()]
            joined = np.ascontiguousarray(np.concatenate(found)).view(">u8,>u8").ravel()
            digest.update(f"{role} {len(joined)}\n".encode() + np.sort(joined).tobytes())
        return digest.hexdigest()

    @property
    def counts(self):
        return {
            role: sum(int(np.sum(mine == number)) for mine in self.role_of)
            for number, role in enumerate(self.roles)
        }

    @property
    def remarks(self):
        return remarks(self.findings)

    def check(self, features):
        self._check_kinds("label", self.label_feature)
        self._check_kinds("weight", self.weight_feature)
        labels = {
            role: {
                name
                for one, mine in self._pairs()
                for label in np.unique(one.labels[mine == number])
                for name in one.names[label]
            }
            for number, role in enumerate(self.roles)
        }
        has_classes = self.label_feature is not None
        check_splits(
            self.counts,
            labels if has_classes else None,
            self.name,
            "Add examples of it, or set data.splits.",
            "examples",
            multi_label=features.multi_label,
        )

    def _check_kinds(self, name: str, feature: str | None) -> None:
        kinds = _kinds(self.scans, name)
        if len(kinds) > 1:
            (one, here), (other, there) = sorted(kinds.items())
            raise Failure(
                f"Feature {feature!r} is {one} in {here} and {other} in {there}. Write {name}s of "
                "one kind, or read the files apart."
            )

    def shared(self):
        found = {}
        for (one, first), (other, second) in itertools.combinations(enumerate(self.roles), 2):
            both = np.intersect1d(self._images(one), self._images(other))
            if len(both):
                found[first, second] = self._named(both, other)
        return found

    def write(self, folders, features, uri, engine):
        work = pieces.plan(self.scans, self.role_of, [folders[role] for role in self.roles])
        every = itertools.chain.from_iterable(work)
        with all_or_none([path for piece in every for path in piece.targets.values()]):
            processes = processes_if(sum(one.bytes for one in self.scans) >= _MUCH)
            total = sum(write_all(pieces.write, work, uri, engine, processes), Counter())
            written = {role: total[number] for number, role in enumerate(self.roles)}
            check_written(written, self.counts, self.name)

    def together(self, parts, name):
        scans = [one for _, part in parts for one in part.scans]
        role_of = [mine for _, part in parts for mine in part.role_of]
        findings = defaultdict(list)
        for prefix, part in parts:
            for kind, paths in part.findings.items():
                findings[kind] += [f"{prefix}/{path}" for path in paths]
        found = {"scans": scans, "role_of": role_of, "findings": dict(findings)}
        return replace(self, name=name, held=None, **found)

    def log(self):
        for line in log_lines(self.findings):
            logging.warning("%s: %s", self.name, line)
        for (one, other), names in self.shared().items():
            logging.warning("%s: %s and %s share %s", self.name, one, other, listed(names))

    def _pairs(self):
        return zip(self.scans, self.role_of, strict=True)

    def _images(self, number: int) -> np.ndarray:
        return np.concatenate([one.images[mine == number] for one, mine in self._pairs()])

    def _named(self, digests: np.ndarray, number: int) -> list[str]:
        """The first record of a split with each of these images."""
        names = {}
        for one, mine in self._pairs():
            file = os.path.basename(one.path)
            for place in np.flatnonzero(np.isin(one.images, digests) & (mine == number)):
                names.setdefault(one.images[place], f"{file} record {place:,}")
        return [names[digest] for digest in digests]


class Driver(WindowDriver):
    SOURCE = TfrecordsSource

    def read(self, source, features, is_span):
        return read(source, features, is_span)


def read(source: TfrecordsSource, features: Features, is_span: bool = False) -> RecordFiles:
    """Reads the files of a source.

    Args:
      is_span: whether other spans may have the splits that this one lacks.

    Raises:
      Failure: there are no files, one is damaged or lacks a feature, or a label has no name.
    """
    folder, place, held = local(source.path, source)
    if not os.path.isdir(folder):
        raise Failure(f"{place}: there is no such folder. Correct data.path.")
    by_role = (source.splits or _BY_CONTENT).by_role()
    by_files = source.splits is not None and not source.splits.are_shares
    patterns = by_role if by_files else {"": source.files}
    files, findings = _files(folder, place, patterns, is_span)
    paths = sorted(itertools.chain(*files.values()))
    scans = _scans(paths, features)
    _check_labels(scans, source.class_names, features)
    roles = list(by_role)
    if by_files:
        role_of_path = {path: role for role, found in files.items() for path in found}
        role_of = [
            np.full(len(one.labels), roles.index(role_of_path[one.path]), np.int8) for one in scans
        ]
    else:
        role_of = [_drawn(one.images, by_role) for one in scans]
    names = features.label, features.weight_feature
    return RecordFiles(scans, roles, role_of, place, *names, findings, held=held)


def _scans(paths: Sequence[str], features: Features) -> list[Scan]:
    work = functools.partial(scan, features=features)
    size = sum(os.path.getsize(path) for path in paths if os.path.exists(path))
    if processes := processes_if(size >= _MUCH):
        return list(in_processes(work, paths, min(processes, len(paths))))
    return list(in_threads(work, paths, usable_cores()))


def _files(
    folder: str, place: str, patterns: Mapping[str, str], is_span: bool
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The files of each split, or of "" where splits are drawn; a span may lack those of some.

    And those that are left out, by kind: a file that several names lead to counts once.
    """
    found, linked, split_of = {}, [], {}
    for role, pattern in patterns.items():
        found[role] = []
        for name, inode in _matching(folder, pattern):
            if inode not in split_of:
                split_of[inode] = role
                found[role].append(os.path.join(folder, name))
            elif split_of[inode] == role:
                linked.append(name)
            else:
                raise Failure(
                    f"{place}: {shown(name)} is a file of the splits {split_of[inode]} and {role}. "
                    "Give each split files of its own in data.splits."
                )
    lacking = [role for role, paths in found.items() if not paths]
    if lacking and not (is_span and split_of):
        role, pattern = lacking[0], patterns[lacking[0]]
        key = f"data.splits.{role}" if role else "data.files"
        there = listed(name for name in os.listdir(folder) if not name.startswith("."))
        raise Failure(
            f"{place}: no file matches {shown(pattern)!r} ({key}). There are: "
            f"{there or 'no files'}. Correct data.path or {key}."
        )
    return found, {"linked": linked} if linked else {}


def _matching(folder: str, pattern: str) -> list[tuple[str, tuple[int, int]]]:
    """The names of files that match, each with its device and inode; the plainest names first."""
    found, above = {}, os.path.realpath(folder)
    for name in matching(pattern, folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):  # a link to nothing, or a file that has just gone
            status = os.stat(path)
            if stat.S_ISREG(status.st_mode):
                is_link = os.path.realpath(path) != os.path.join(above, name)
                found[is_link, name.count("/"), name] = status.st_dev, status.st_ino
    return [(key[-1], inode) for key, inode in sorted(found.items())]


def _drawn(images: np.ndarray, shares: Mapping[str, int]) -> np.ndarray:
    """The split of each image, as `draws.drawn` has it: (images,) int8."""
    ends = list(itertools.accumulate(shares.values()))
    # In two parts, as 64 bits do not hold a hundred times the number.
    high, low = images >> np.uint64(32), images & np.uint64(0xFFFFFFFF)
    places = (high * np.uint64(100) + (low * np.uint64(100) >> np.uint64(32))) >> np.uint64(32)
    return np.searchsorted(ends, places, side="right").astype(np.int8)


def _kinds(scans: Sequence[Scan], name: str) -> dict[str, str]:
    """The kinds that labels or weights are of, each with a file where they are."""
    found = {getattr(one.kinds, name): shown(one.path) for one in scans}
    return {kind: path for kind, path in found.items() if kind}


def _check_labels(scans: Sequence[Scan], class_names: Sequence[str], features: Features) -> None:
    kinds = _kinds(scans, "label")
    if not class_names or not kinds:
        return
    if "bytes" in kinds:
        raise Failure(
            f"Feature {features.label_feature!r} is bytes in {kinds['bytes']}, and "
            "data.class_names are names of whole numbers. Leave data.class_names out."
        )
    for one in scans:
        for label in itertools.chain.from_iterable(one.names):
            if not 0 <= int(label) < len(class_names):
                raise Failure(
                    f"{shown(one.path)}: label {label} is not one of the {len(class_names)} "
                    f"data.class_names, which stand for 0 to {len(class_names) - 1}. Name every "
                    "class."
                )
