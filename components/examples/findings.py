"""What there is to report about the files of a source, for the table of a run and for its log."""

from collections.abc import Iterator, Mapping, Sequence

from components.examples.picture_files import MOST_BYTES, shown
from components.image_files import KINDS

# Each kind of finding in words, of one file and of several; in the order of a report.
WORDS = {
    "broken": ("broken image left out", "broken images left out"),
    "empty": ("empty file left out", "empty files left out"),
    "unsupported": (
        f"image of another format than {KINDS} left out",
        f"images of other formats than {KINDS} left out",
    ),
    "huge": tuple(f"image{s} above {MOST_BYTES >> 20} MiB left out" for s in ("", "s")),
    "misplaced": (
        "image outside the classes and splits left out",
        "images outside the classes and splits left out",
    ),
    "missing": ("missing file left out", "missing files left out"),
    "imageless": ("row without an image left out", "rows without images left out"),
    "unmasked": ("image without a whole mask left out", "images without whole masks left out"),
    "unpaired": ("mask without an image left out", "masks without images left out"),
    "unlabelled": ("row without a label left out", "rows without labels left out"),
    "unassigned": ("row of no split left out", "rows of no split left out"),
    "repeated": ("repeated row left out", "repeated rows left out"),
    "linked": ("link to a file that is read left out", "links to files that are read left out"),
    "hidden": ("hidden file or folder left out", "hidden files or folders left out"),
    "foreign": (f"file left out that is not a {KINDS}", f"files left out that are not {KINDS}"),
    "duplicate": ("duplicate kept", "duplicates kept"),
    "contradictory": ("duplicate with another class kept", "duplicates with other classes kept"),
    "leaked": ("duplicate in another split kept", "duplicates in other splits kept"),
    "misnamed": ("image with another kind's suffix kept", "images with other kinds' suffixes kept"),
    "unread": ("column not read", "columns not read"),
}
_HARMLESS = ("linked", "hidden", "foreign", "duplicate", "misnamed", "repeated", "unread")
_NAMED, _LOGGED = 3, 1000  # files that a line names, on the screen and in the log


def remarks(findings: Mapping[str, Sequence[str]]) -> list[str]:
    """A phrase for each kind of finding, for the table: "2 duplicates kept (a.jpg, b.jpg)"."""
    return list(_lines(findings, _NAMED))


def log_lines(findings: Mapping[str, Sequence[str]]) -> list[str]:
    """The same phrases for the log, with up to 1,000 files each."""
    return list(_lines(findings, _LOGGED))


def _lines(findings: Mapping[str, Sequence[str]], most: int) -> Iterator[str]:
    for kind, (of_one, of_several) in WORDS.items():
        paths = findings.get(kind)
        if paths:
            warning = "" if kind in _HARMLESS else "warning: "
            words = of_one if len(paths) == 1 else of_several
            named = ", ".join(map(shown, paths[:most]))
            more = f" and {len(paths) - most:,} more" if len(paths) > most else ""
            yield f"{warning}{len(paths):,} {words} ({named}{more})"
