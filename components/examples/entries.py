"""What becomes an Example, known by its content before anything is written."""

import hashlib
import itertools
import operator
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

COPIES = ("duplicate", "contradictory", "leaked")  # the findings of `repeated`
_digest_of = operator.attrgetter("digest")
Roles = Mapping[str, Sequence["Entry"]]  # by split


class Entry(NamedTuple):
    """An image with its class or classes, or its mask.

    The order of the fields makes that of the Examples, which therefore follows from the content.
    """

    digest: bytes  # (32,) SHA-256 of the image
    label: str  # "" where masks are read
    path: str  # of the image, relative to the source's folder
    size: int  # bytes, with those of the mask
    mask_path: str = ""  # "" where classes are read
    mask_digest: bytes = b""
    sample_weight: float | None = None  # above or equal to 0
    labels: tuple[str, ...] | None = None  # sorted, where an image has any number of classes

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels or ((self.label,) if self.label else ())

    @property
    def content(self) -> bytes:
        """All that its Example depends on, besides the names of features."""
        parts = [self.digest, self.label.encode(), b"\n", self.mask_digest]
        if self.sample_weight is not None:
            parts.append(repr(self.sample_weight).encode())
        parts += [b"\n" + name.encode() for name in self.labels or ()]
        return b"".join(parts)


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Sorted by content; names decide between copies alone."""
    found = []
    # By the images first: the contents of all at once would take as much memory as the entries.
    for _, copies in itertools.groupby(sorted(entries, key=_digest_of), _digest_of):
        found += sorted(copies, key=lambda entry: (entry.content, entry.path, entry.mask_path))
    return found


def fingerprint(roles: Roles) -> str:
    """64 hexadecimal digits of the content and split of all entries in their order.

    Neither their names nor their times count.
    """
    digest = hashlib.sha256()
    for role in sorted(roles):
        digest.update(f"{role} {len(roles[role])}\n".encode())
        for entry in roles[role]:
            digest.update(hashlib.sha256(entry.content).digest())
    return digest.hexdigest()


def repeated(roles: Roles) -> dict[str, list[str]]:
    """The files whose content another one has too, by kind of finding; not the first of them."""
    findings = defaultdict(list)
    for (_, role, *answer), *others in _copies(roles):
        for path, its_role, *its_answer in others:
            kind = "leaked" if its_role != role else "duplicate"
            findings["contradictory" if its_answer != answer else kind].append(path)
    return {kind: sorted(paths) for kind, paths in findings.items()}


def shared(roles: Roles) -> dict[tuple[str, str], list[str]]:
    """The names of the images that two splits share, of each two that share any."""
    found = defaultdict(list)
    for copies in _copies(roles):
        first = {}  # of each split, by its name
        for path, role, *_ in copies:
            first.setdefault(role, path)
        for one, other in itertools.combinations([role for role in roles if role in first], 2):
            found[one, other].append(f"{first[one]} as {first[other]}")
    return dict(found)


def _copies(roles: Roles) -> list[list[tuple]]:
    """(path, split, classes, mask) of the entries of each image that there is more than once."""
    seen, places = set(), {}  # A list for each image would double the memory of a source.
    for entry in itertools.chain.from_iterable(roles.values()):
        if entry.digest in seen:
            places[entry.digest] = []
        seen.add(entry.digest)
    for role, entries in roles.items():
        for entry in entries:
            if entry.digest in places:
                found = entry.path, role, entry.classes, entry.mask_digest
                places[entry.digest].append(found)
    return [sorted(found) for found in places.values()]
