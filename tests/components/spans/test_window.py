"""Which spans of a folder a window takes."""

import re
from pathlib import Path

import pytest
import yaml

from components.spans.pattern import Place
from components.spans.window import chosen
from failures import Failure
from settings.sources import FolderSource

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def arrive(tmp_path, monkeypatch):
    """Makes the folders of spans below the working folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            (tmp_path / name).mkdir(parents=True)

    return make


def read(path, window="latest", span=None, known=()):
    return chosen(FolderSource.of(path=path, window=window, span=span), known, "runs")


def spans(*given, **keys):
    return [place.span for place in read("in/{SPAN}", *given, **keys)]


@pytest.mark.parametrize(
    ("window", "span", "expected"),
    [
        ("latest", None, [10]),
        ("latest", 9, [9]),
        ({"last": 3}, None, [8, 9, 10]),
        ({"last": 2}, 8, [7, 8]),
        ("all", None, [7, 8, 9, 10]),
        ("all", 8, [7, 8]),
        ({"from": 8, "to": 9}, None, [8, 9]),
        ({"from": 8, "to": 10}, 9, [8, 9]),
        ({"from": 9}, None, [9, 10]),
        ({"to": 8}, None, [7, 8]),
    ],
)
def test_a_window_counts_from_the_newest_span_or_from_the_one_that_is_named(
    arrive, window, span, expected
):
    arrive("in/7", "in/8", "in/9", "in/10")
    assert spans(window, span=span) == expected


def test_zeros_in_front_widths_and_other_names_do_not_confuse(arrive):
    arrive("in/span-007", "in/span-10", "in/span-x", "in/other", "in/span-11.unfinished")
    assert [place.span for place in read("in/span-{SPAN}", "all", span=7)] == [7]
    assert [place.span for place in read("in/span-{SPAN}")] == [10]
    assert [place.span for place in read("in/span-{SPAN:3}")] == [7]


def test_the_highest_version_of_a_span_is_read(arrive, tmp_path):
    arrive("in/1/v2", "in/1/v10", "in/2/v1", "in/2/draft")
    assert read("in/{SPAN}/v{VERSION}", "all") == [
        Place(1, 10, str(tmp_path / "in/1/v10")),
        Place(2, 1, str(tmp_path / "in/2/v1")),
    ]


def test_dates_are_spans_of_one_day(arrive, tmp_path):
    arrive("in/2026/11/25/images", "in/2026/11/26/images", "in/2026/11/27")
    found = read("in/{YYYY}/{MM}/{DD}/images", {"last": 2})
    assert [place.path for place in found] == [
        str(tmp_path / "in/2026/11" / day / "images") for day in ("25", "26")
    ]
    assert found[1].span == 20783
    assert found[1].words(has_dates=True) == "span 2026-11-26"


def test_gaps_are_left_out_where_the_window_says_so(arrive):
    arrive("in/1", "in/2", "in/5")
    assert spans({"last": 4, "gaps": True}) == [2, 5]
    assert spans({"from": 0, "gaps": True}) == [1, 2, 5]


@pytest.mark.parametrize("guide", ["README.md", "docs/kafka.md", "docs/spans.md"])
def test_the_window_that_a_guide_begins_with_takes_the_first_span(arrive, guide):
    text = (PROJECT / guide).read_text()
    window = yaml.safe_load(re.search(r"window: (\{.*?\})", text)[1])
    arrive("in/1")
    assert spans(window) == [1]


@pytest.mark.parametrize(
    ("there", "path", "window", "span", "expected"),
    [
        ([], "in/{SPAN}", "latest", None, "No span fits data.path in/{SPAN}; "),
        (["in/a", "in/b"], "in/{SPAN}", "all", None, "in has a, b. Correct data.path, or wait"),
        (
            ["in/1", "in/4"],
            "in/{SPAN}",
            "all",
            None,
            "spans 2, 3 are missing. There are",
        ),
        (
            ["in/1", "in/3"],
            "in/{SPAN}",
            {"last": 2},
            None,
            "span 2 is missing. There are",
        ),
        (["in/1"], "in/{SPAN}", {"last": 3}, None, "3 spans are wanted, and there is span 1"),
        (["in/1"], "in/{SPAN}", {"from": 1, "to": 9}, None, "spans 2, 3, 4 and 5 more are missing"),
        (["in/1"], "in/{SPAN}", {"from": 2}, None, "span 2 is missing. There is span 1, such as"),
        (["in/1"], "in/{SPAN}", "latest", 2, "span 2 is missing. There is span 1"),
        (
            ["in/1", "in/2"],
            "in/{SPAN}",
            {"to": 1},
            2,
            "data.span: given 2; allowed: a span",
        ),
        (["in/1", "in/01"], "in/{SPAN}", "all", None, "are both span 1. Remove one of them."),
        ([f"in/{10**19}"], "in/{SPAN}", "all", None, "SPAN is above 9,223,372,036,854,775,807."),
        (["in/2026-02-31"], "in/{YYYY}-{MM}-{DD}", "all", None, "2026-02-31 is not a date."),
        (
            ["in/2026-11-20", "in/2026-11-22"],
            "in/{YYYY}-{MM}-{DD}",
            "all",
            None,
            "span 2026-11-21 is missing. There are spans 2026-11-20, 2026-11-22",
        ),
    ],
)
def test_what_a_window_cannot_be_made_of_is_one_line(arrive, there, path, window, span, expected):
    arrive(*there)
    with pytest.raises(Failure) as failure:
        read(path, window, span)
    assert expected in str(failure.value)
    assert len(str(failure.value).splitlines()) == 1


def test_no_older_span_takes_the_place_of_one_that_was_read_and_is_gone(arrive):
    arrive("in/1", "in/2")
    known = [Place(2, None, "/in/2"), Place(3, None, "/in/3")]
    with pytest.raises(
        Failure, match=r"3: span 3 was read before and is gone; what remains is span 2"
    ) as failure:
        spans("latest", known=known)
    assert "`python -m pipeline spans drop 3 --config FILE --set root=" in str(failure.value)
    assert spans("latest", span=2, known=known) == [2]
    assert spans({"from": 1, "to": 2}, known=known) == [1, 2]


def test_no_older_version_takes_the_place_of_one_that_was_read_and_is_gone(arrive):
    arrive("in/1/v1")
    known = [Place(1, 2, "/in/1/v2")]
    with pytest.raises(
        Failure, match=r"span 1, version 2 was read before and is gone; what remains is version 1"
    ):
        read("in/{SPAN}/v{VERSION}", known=known)
