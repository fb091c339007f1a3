"""Which split something is in, by a hash of it: what comes or goes elsewhere moves nothing."""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping

from components.examples.entries import Roles
from components.examples.picture_files import shown
from failures import Failure

BY_DEFAULT = {"train": 80, "validation": 10, "test": 10}  # percent
_LEAST_CLASSES = 2


def drawn(digest: bytes, shares: Mapping[str, int]) -> str:
    """The split of a content.

    Args:
      digest: (8 or more,) a cryptographic hash of it.
      shares: percentages by split, 100 together.
    """
    place = int.from_bytes(digest[:8], "big") * 100 >> 64
    for role, share in shares.items():
        place -= share
        if place < 0:
            return role
    raise AssertionError(f"the shares are {sum(shares.values())} percent")


def drawn_by_name(name: str, shares: Mapping[str, int]) -> str:
    """The split of all that shares a name, such as the images of one patient."""
    return drawn(hashlib.sha256(name.encode()).digest(), shares)


def check_names(labels: Iterable[str], place: str, where: str) -> None:
    """Checks that a report and a vocabulary can hold the names of the classes.

    Args:
      place: the source, for messages.
      where: where a class is named, for messages, as in "class folder".

    Raises:
      Failure: a name is not printable.
    """
    for label in sorted(labels):
        if shown(label) != label:
            raise Failure(
                f"{place}: the name of the {where} {shown(label)} has a character that is not "
                "printable UTF-8. Rename it."
            )


def check_roles(roles: Roles, place: str, way_on: str, *, multi_label: bool) -> None:
    """Checks the entries that a model is to be trained on and measured by, as `check_splits`."""
    labels = {
        role: {name for entry in entries for name in entry.classes}
        for role, entries in roles.items()
    }
    has_classes = set().union(*labels.values())
    counts = {role: len(entries) for role, entries in roles.items()}
    check_splits(counts, labels if has_classes else None, place, way_on, multi_label=multi_label)


def check_splits(
    counts: Mapping[str, int],
    labels: Mapping[str, set[str]] | None,
    place: str,
    way_on: str,
    things: str = "images",
    *,
    multi_label: bool,
) -> None:
    """Checks what a model is to be trained on and measured by.

    Args:
      counts: how many examples each split has.
      labels: the classes of each split; None where masks are read.
      place: the source, for messages.
      way_on: what can be done about a class that is in one split only.
      multi_label: whether an example has any number of classes. With its other classes, an image of
        a rare one trains and measures a model all the same: ValidationGate warns of such a class.

    Raises:
      Failure: a split is empty, there are fewer than two classes, two look the same, or a class of
        examples that have one each is not in train and in a split that measures it.
    """
    every = set().union(*labels.values()) if labels else ()
    _check_lookalikes(every, place)
    if labels and len(every) < _LEAST_CLASSES:
        raise Failure(
            f"{place} has one class only, {listed(every)}. Add {things} of another class."
        )
    for role, count in counts.items():
        if not count:
            raise Failure(
                f"{place}: split {role} gets none of the {sum(counts.values()):,} {things}. "
                f"Add {things}, or set data.splits."
            )
    if labels and not multi_label:
        _check_classes(labels, place, way_on, things)


def _check_lookalikes(names: Iterable[str], place: str) -> None:
    """A blank too many makes a class of its own, which nobody sees in a report."""
    alike = {}
    for name in sorted(names):
        seen = unicodedata.normalize("NFC", " ".join(name.split()))
        if seen in alike:
            raise Failure(
                f"{place}: two classes look the same, {alike[seen]!a} and {name!a}: they "
                "differ in blanks, or in how letters are composed. Give both one name."
            )
        alike[seen] = name


def _check_classes(labels: Mapping[str, set[str]], place: str, way_on: str, things: str) -> None:
    """A class of one split alone can be learnt and never measured, or the other way round."""
    measured = set().union(*(found for role, found in labels.items() if role != "train"))
    if untrained := measured - labels["train"]:
        raise Failure(
            f"{place}: split train has no {things[:-1]} of {_classes(untrained)}. {way_on}"
        )
    if unmeasured := labels["train"] - measured:
        raise Failure(
            f"{place}: split train alone has {things} of {_classes(unmeasured)}. {way_on}"
        )


def _classes(names: Iterable[str]) -> str:
    return f"class{'es' if len(set(names)) > 1 else ''} {listed(names)}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """Some of the names, in order, for a message."""
    ordered = sorted(map(shown, names))
    more = f" and {len(ordered) - most:,} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more
