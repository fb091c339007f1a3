"""Which records of which files go into which split, by TFDS's own split expressions."""

import difflib
import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import tensorflow_datasets as tfds

from components.examples.shard_names import LEAST, shard_path
from components.tfds_example_gen.exclusion import Exclusion
from failures import Failure

TFRECORD = tfds.core.FileFormat.TFRECORD.value


@dataclass(frozen=True)
class Piece:
    """Consecutive records of one source file."""

    path: str
    skip: int  # records
    take: int  # records
    to_end: bool  # whether the file ends after them


@dataclass(frozen=True)
class Shard:
    """One output file and the records that go into it."""

    path: str
    piece: Piece
    file_format: str  # of the source file, as TFDS names it: "tfrecord", "array_record" …
    exclusion: Exclusion | None = None


def select(
    builder: tfds.core.DatasetBuilder, splits: Mapping[str, str]
) -> dict[str, tuple[Piece, ...]]:
    """Finds the records of each role.

    Args:
        splits: Role to TFDS split expression, e.g. {"train": "train[:90%]"}.

    Returns:
        Role to its pieces, in TFDS's order.

    Raises:
        Failure: An expression names no split, is malformed, or selects no record; or two
            select the same record.
    """
    roles = {
        role: pieces(builder, f"Split {role}", expression) for role, expression in splits.items()
    }
    for (one, other), count in overlaps(roles).items():
        raise Failure(
            f"data.splits: {one} ({splits[one]!r}) and {other} ({splits[other]!r}) share "
            f"{count:,} examples of {builder.info.full_name}, and a model scores too well on what "
            "it was trained on. Give them slices that do not overlap, as in 'train[:90%]' and "
            "'train[90%:]'."
        )
    return roles


def pieces(builder: tfds.core.DatasetBuilder, whose: str, expression: str) -> tuple[Piece, ...]:
    """The records of one split expression, in TFDS's order; `whose` begins every message.

    Raises:
        Failure: As `select`.
    """
    name, known = builder.info.full_name, builder.info.splits
    sizes = ", ".join(f"{split} ({info.num_examples:,})" for split, info in known.items())
    try:
        instructions = known[expression].file_instructions
    except (ValueError, NotImplementedError, AssertionError) as error:
        if str(error).startswith("Unknown split"):
            named = str(error).split("'")[1]
            raise Failure(
                f"{whose}: {name} has no split {named!r}. It has: {sizes}."
                + did_you_mean(named, known)
            ) from error
        raise Failure(
            f"{whose}: {expression!r} is not a TFDS split expression for {name}: "
            f"{str(error).splitlines()[-1].rstrip('.')}. Write e.g. 'train[:90%]', "
            f"'train[100:200]' or 'train+test'; it has: {sizes}."
        ) from error
    if any(instruction.take < 0 for instruction in instructions) or not instructions:
        raise Failure(
            f"{whose}: {expression!r} selects no example of {name}. Widen the slice; "
            f"it has: {sizes}."
        )
    return tuple(
        Piece(os.fspath(one.filename), one.skip, one.take, one.takes_all) for one in instructions
    )


def overlaps(roles: Mapping[str, Sequence[Piece]]) -> dict[tuple[str, str], int]:
    """How many records two roles share, of those pairs that share any."""
    shared = {}
    for (one, ours), (other, theirs) in itertools.combinations(roles.items(), 2):
        count = sum(
            max(0, min(a.skip + a.take, b.skip + b.take) - max(a.skip, b.skip))
            for a, b in itertools.product(ours, theirs)
            if a.path == b.path
        )
        if count:
            shared[one, other] = count
    return shared


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Returns " Did you mean …?" for the closest of the known names, or nothing."""
    close = difflib.get_close_matches(given, sorted(known), n=3)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def plan(
    pieces: Sequence[Piece],
    split_uri: str,
    file_format: str,
    exclusion: Exclusion | None = None,
) -> list[Shard]:
    """Divides a split's records over its shards, keeping their order.

    Shards follow the source files, which TFDS makes of a good size; where these are too
    few for readers to interleave, each is cut into even parts.

    Args:
        pieces: What `select` found for the split.
        split_uri: Folder of the shards.
        file_format: TFDS's name of the source files' format.
        exclusion: Which of the records are left out.

    Returns:
        The shards; none is empty.
    """
    parts = [part for piece in pieces for part in _cut(piece, math.ceil(LEAST / len(pieces)))]
    return [
        Shard(shard_path(split_uri, index, len(parts)), part, file_format, exclusion)
        for index, part in enumerate(parts)
    ]


def _cut(piece: Piece, parts: int) -> list[Piece]:
    number = min(parts, piece.take)
    bounds = [piece.take * index // number for index in range(number + 1)]
    return [
        replace(
            piece,
            skip=piece.skip + start,
            take=stop - start,
            to_end=piece.to_end and stop == piece.take,
        )
        for start, stop in itertools.pairwise(bounds)
    ]
