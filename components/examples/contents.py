"""All that the pipeline has to know of files of images before it writes Examples."""

import logging
from dataclasses import dataclass, field
from typing import Any

from components.cache_driver import CacheDriver
from components.examples import entries
from components.examples.draws import check_roles
from components.examples.entries import Entry
from components.examples.findings import log_lines
from settings.section import Section


@dataclass(frozen=True)
class Contents:
    """Files of images as they were when they were read."""

    folder: str  # an absolute path, as workers elsewhere have another working directory
    roles: dict[str, list[Entry]]
    findings: dict[str, list[str]]  # by kind, as `findings.WORDS` knows it
    name: str  # of the source, for messages
    way_on: str  # what can be done about a class that is in one split only
    held: Any = field(default=None, kw_only=True)  # what keeps the files as they are

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits of the content, class and split of all images.

        Neither their names within a class nor their times count, nor what is left out.
        """
        return entries.fingerprint(self.roles)

    def check(self) -> None:
        """Raises a Failure where no model can be trained on it and measured by it."""
        check_roles(self.roles, self.name, self.way_on)

    def log(self) -> None:
        for line in log_lines(self.findings):
            logging.warning("%s: %s", self.name, line)


_last_read: dict[tuple[str, ...], Contents] = {}  # at most one


def last_read(fingerprint: str, source: Section, features: Section) -> Contents | None:
    """What the driver has just read in this process, if it was this: it is given away once.

    Whoever writes it verifies the content of every file anyway.
    """
    key = fingerprint, source.model_dump_json(), features.model_dump_json()
    return _last_read.pop(key, None)


class ContentDriver(CacheDriver):
    """The fingerprint of the content; every file is read for it.

    Sizes and times would be read sooner, but an edit that keeps both would go unnoticed.
    """

    PARAMETER = "fingerprint"

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
