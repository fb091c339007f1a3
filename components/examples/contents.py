"""All that the pipeline has to know of a source before it writes Examples."""

import abc
import functools
import itertools
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from components.cache_driver import CacheDriver
from components.engine import Engine
from components.examples import entries, entry_shards
from components.examples.counted import check_written
from components.examples.draws import check_roles
from components.examples.entries import Entry
from components.examples.findings import log_lines, remarks
from components.examples.picture_scan import processes_for
from components.examples.shards import all_or_none, write_all
from settings.data import Features
from settings.section import Section


class Contents(abc.ABC):
    """A source as it was when it was read: one place, or the spans of a window."""

    name: str  # for messages
    held: Any  # what keeps the files as they are, or None

    @property
    @abc.abstractmethod
    def fingerprint(self) -> str:
        """64 hexadecimal digits, which change whenever the examples could differ."""

    @property
    @abc.abstractmethod
    def counts(self) -> dict[str, int]:
        """Examples by split."""

    @property
    def remarks(self) -> list[str]:
        """What the table of the run adds to the counts."""
        return []

    @abc.abstractmethod
    def check(self, features: Features) -> None:
        """Raises a Failure where no model can be trained on it and measured by it."""

    @abc.abstractmethod
    def log(self) -> None:
        """Logs what there is to report about its files."""

    @abc.abstractmethod
    def shared(self) -> dict[tuple[str, str], list[str]]:
        """The names of the images that two splits share, of each two that share any."""


class OnePlace(Contents):
    """A folder or file as it was when it was read, which may be one of several spans."""

    @abc.abstractmethod
    def write(
        self,
        folders: Mapping[str, str],
        features: Features,
        uri: str,
        engine: Engine | None,
    ) -> None:
        """Writes the examples of each split as shards into its folder; all of them, or none.

        Args:
          uri: the folder above, for what an engine's workers report.

        Raises:
          Failure: a file changes meanwhile or cannot be read, or a shard cannot be written.
        """

    @abc.abstractmethod
    def together(self, parts: Sequence[tuple[str, Self]], name: str) -> Self:
        """These contents as one.

        Args:
          parts: of each, in front of which its files' names are unambiguous, and the contents.
          name: of the whole, for messages.
        """

    def outside(self, place: str) -> Iterable[str]:
        """The paths of what was read and is not in the place that the source names."""
        return ()


@dataclass(frozen=True)
class ImageFiles(OnePlace):
    """Files of images as they were when they were read."""

    folder: str  # an absolute path, as workers elsewhere have another working directory
    roles: dict[str, list[Entry]]
    findings: dict[str, list[str]]  # by kind, as `findings.WORDS` knows it
    name: str  # of the source, for messages
    way_on: str  # what can be done about a class that is in one split only
    held: Any = field(default=None, kw_only=True)  # what keeps the files as they are
    # Masks that are missing or not whole; the findings name their images instead.
    unusable_masks: Sequence[str] = field(default=(), kw_only=True)

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits of the content, class and split of all images.

        Neither their names within a class nor their times count, nor what is left out.
        """
        return entries.fingerprint(self.roles)

    @property
    def counts(self):
        return {role: len(found) for role, found in self.roles.items()}

    @property
    def remarks(self):
        return remarks(self.findings)

    def check(self, features):
        check_roles(self.roles, self.name, self.way_on, multi_label=features.multi_label)

    def log(self):
        for line in log_lines(self.findings):
            logging.warning("%s: %s", self.name, line)

    def shared(self):
        return entries.shared(self.roles)

    def reader(self, found: Sequence[Entry]) -> entry_shards.Read:
        """What reads the contents of these entries."""
        return functools.partial(entry_shards.read_file, self.folder)

    def write(self, folders, features, uri, engine):
        work = {
            role: entry_shards.plan(found, self.reader, folders[role], features)
            for role, found in self.roles.items()
            if found
        }
        every = [shard for plan in work.values() for shard in plan]
        with all_or_none([shard.path for shard in every]):
            processes = processes_for(sum(self.counts.values()))
            numbers = iter(write_all(entry_shards.write, every, uri, engine, processes))
            written = {role: sum(next(numbers) for _ in plan) for role, plan in work.items()}
            check_written(written, self.counts, self.name)

    def together(self, parts, name):
        roles, findings = defaultdict(list), defaultdict(list)
        for prefix, part in parts:
            for role, found in part.roles.items():
                roles[role] += [one._replace(path=f"{prefix}/{one.path}") for one in found]
            for kind, paths in part.findings.items():
                findings[kind] += [f"{prefix}/{path}" for path in paths]
        for kind in entries.COPIES:  # A duplicate may be one of another part's file.
            findings.pop(kind, None)
        findings |= entries.repeated(roles)
        found = {"roles": dict(roles), "findings": dict(findings)}
        return replace(self, folder="", name=name, held=None, unusable_masks=(), **found)

    def outside(self, place):
        if self.folder == place:
            return
        for entry in itertools.chain.from_iterable(self.roles.values()):
            yield os.path.join(self.folder, entry.path)
            if entry.mask_path:
                yield os.path.join(self.folder, entry.mask_path)
        for path in itertools.chain(self.unusable_masks, *self.findings.values()):
            yield os.path.join(self.folder, path)


_last_read: dict[tuple[str, ...], Contents] = {}  # at most one


def last_read(fingerprint: str, source: Section, features: Section) -> Contents | None:
    """What the driver has just read in this process, if it was this: it is given away once.

    Whoever writes it verifies the content of every file anyway.
    """
    key = fingerprint, source.model_dump_json(), features.model_dump_json()
    return _last_read.pop(key, None)


def forget_last_read() -> None:
    """Lets go of what no component has asked for, as a cached one never does."""
    _last_read.clear()


class ContentDriver(CacheDriver):
    """The fingerprint of the content; every file is read for it.

    Sizes and times would be read sooner, but an edit that keeps both would go unnoticed.
    """

    PARAMETER = "fingerprint"

    @classmethod
    def is_portable(cls, exec_properties):
        return True

    def contents(self, exec_properties) -> Contents:
        """What the source of these properties holds."""
        raise NotImplementedError

    def value(self, input_dict, exec_properties):
        found = self.contents(exec_properties)
        found.log()
        fingerprint = found.fingerprint
        _last_read.clear()
        if found.held is None:  # Nothing stays locked for a step that may be cached.
            key = fingerprint, exec_properties["source"], exec_properties["features"]
            _last_read[key] = found
        return fingerprint
