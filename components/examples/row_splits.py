"""Which row of a table of images is in which split."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from components.examples.draws import BY_DEFAULT, check_names, drawn, drawn_by_name, listed
from components.examples.entries import Entry, in_order
from components.examples.picture_files import Picture, shown
from components.examples.rows import Row, Rows
from failures import Failure
from settings.manifest_source import ManifestSplits

_BY_SHARE = ManifestSplits(**BY_DEFAULT)
_BY_VALUE = ManifestSplits(**{role: role for role in BY_DEFAULT})
_NEXT_STEP = "Correct the rows or data.splits, then run again."

Placed = Iterable[tuple[str, Row]]  # a split and a row of it


def laid_out(
    table: Rows,
    pictures: Mapping[str, Picture],
    splits: ManifestSplits | None,
    has_masks: bool,
    place: str,
    is_span: bool = False,
) -> tuple[dict[str, list[Entry]], dict[str, list[str]]]:
    """The entries of each split, and the rows that are left out, by kind of finding.

    Args:
      pictures: the whole images and masks that the rows name, by path.
      has_masks: whether masks are read instead of classes.
      place: the table, for messages.
      is_span: whether other spans may have the splits that this one lacks.

    Raises:
      Failure: no row can be used, a split that rows are to name has none, the name of a class is
        not printable, or a row names a split that there is not.
    """
    rows = [row for row in table.rows if row.image_path in pictures]
    if not rows:
        raise Failure(
            f"{place}: none of its {len(table.rows):,} rows has a whole image. {_NEXT_STEP}"
        )
    unmasked = [row.image_path for row in rows if has_masks and row.mask_path not in pictures]
    rows = [row for row in rows if not has_masks or row.mask_path in pictures]
    if not rows:
        raise Failure(
            f"{place}: none of its {len(unmasked):,} images has a whole mask, such as "
            f"{shown(unmasked[0])}. {_NEXT_STEP}"
        )
    by_role = (splits or (_BY_VALUE if table.split_by == "split" else _BY_SHARE)).by_role()
    if table.split_by == "split":
        placed, findings = _as_given(rows, by_role, place, splits is None, is_span)
    elif table.split_by == "time":
        placed, findings = _by_time(rows, by_role), {}
    else:
        placed, findings = _by_hash(rows, pictures, by_role, table.split_by), {}
    roles = {role: [] for role in by_role}
    for role, row in placed:
        roles[role].append(_entry(row, pictures))
    check_names({name for row in rows for name in row.classes}, place, "class")
    if unmasked:
        findings["unmasked"] = unmasked
    return {role: in_order(entries) for role, entries in roles.items()}, findings


def _entry(row: Row, pictures: Mapping[str, Picture]) -> Entry:
    image, mask = pictures[row.image_path], pictures.get(row.mask_path)
    return Entry(
        image.digest,
        row.label,
        row.image_path,
        image.size + (mask.size if mask else 0),
        row.mask_path,
        mask.digest if mask else b"",
        row.sample_weight,
        row.labels,
    )


def _as_given(
    rows: Sequence[Row], by_role: dict[str, str], place: str, must_fit: bool, is_span: bool
):
    role_of = {str(value): role for role, value in by_role.items()}
    counts = Counter(row.named_split for row in rows)
    if must_fit:
        if unknown := sorted(counts.keys() - role_of.keys()):
            number = sum(counts[value] for value in unknown)
            raise Failure(
                f"{place}: {number:,} rows have a split that is not one of {', '.join(role_of)}: "
                f"{listed(map(repr, unknown))}. Name the values in data.splits, as in "
                "{train: train, validation: val, test: test}."
            )
        if "validation" not in counts:
            del by_role["validation"]  # Training goes on without one.
    placed = [(role_of[row.named_split], row) for row in rows if row.named_split in role_of]
    lacking = [role for role, value in by_role.items() if not counts[str(value)]]
    if lacking and not (is_span and placed):
        raise Failure(
            f"{place}: no row has the split {shown(str(by_role[lacking[0]]))!r} ({lacking[0]}). "
            f"There are: {listed(map(repr, counts))}. {_NEXT_STEP}"
        )
    others = [row.image_path for row in rows if row.named_split not in role_of]
    return placed, {"unassigned": others} if others else {}


def _by_hash(rows, pictures, by_role: Mapping[str, int], split_by: str) -> Placed:
    for row in rows:
        if split_by == "group":
            yield drawn_by_name(row.group, by_role), row
        else:
            yield drawn(pictures[row.image_path].digest, by_role), row


def _by_time(rows: Sequence[Row], by_role: Mapping[str, int]) -> Placed:
    """The oldest images first; those of one time are in one split, the earlier one."""
    ends = list(itertools.accumulate(by_role.values()))
    of_time = defaultdict(list)
    for row in rows:
        of_time[row.moment].append(row)
    before = 0
    for time in sorted(of_time):
        role = next(
            role for role, end in zip(by_role, ends, strict=True) if before * 100 < end * len(rows)
        )
        yield from ((role, row) for row in of_time[time])
        before += len(of_time[time])
