"""Data that arrives in spans: the pattern of their paths, and the window that a run reads.

The names and the patterns are those of TFX's ExampleGen.
"""

import datetime
import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from files.buckets.addresses import address_of, is_bucket
from settings.section import Form, Section

# {SPAN:4} is a number of four digits, with zeros in front; {SPAN} one of any length.
SPEC = re.compile(r"\{(SPAN|VERSION)(?::([1-9]\d?))?\}|\{(YYYY|MM|DD)\}")
DATE = ("YYYY", "MM", "DD")
_EPOCH = datetime.date(1970, 1, 1)
_LAST_DAY = (datetime.date.max - _EPOCH).days
_FORMS = "allowed: latest, all, {last: N} or {from: A, to: B}"


def has_spans(path: str) -> bool:
    """Whether a path is the pattern of many."""
    return SPEC.search(path) is not None


def filled(path: str) -> str:
    """A path that fits the pattern, which shows whether the rest of it is allowed."""
    return SPEC.sub("0", path)


def mistake_in(path: str) -> str | None:
    """What is wrong with the specs in a path, as the end of a message."""
    names = [spec[1] or spec[3] for spec in SPEC.finditer(path)]
    dates = [name for name in names if name in DATE]
    if "SPAN" in names and dates:
        return "allowed: {SPAN}, or {YYYY}, {MM} and {DD}, not both"
    if doubled := [name for name in names if names.count(name) > 1]:
        return f"allowed: one {{{doubled[0]}}}"
    if dates and len(dates) < len(DATE):
        return "allowed: all of {YYYY}, {MM} and {DD}"
    if "VERSION" in names and len(names) == 1:
        return "allowed: {VERSION} with {SPAN}, or with {YYYY}, {MM} and {DD}"
    if is_bucket(path) and (spec := SPEC.search(address_of(path).bucket)):
        return f"allowed: {spec[0]} behind the name of the bucket"
    return None


class PatternForm(Form):
    """A form that a path has, or the pattern of many paths."""

    def __call__(self, given: str) -> str:
        if mistake := mistake_in(given):
            raise ValueError(mistake)
        super().__call__(filled(given))
        return given


def day_of(number: int) -> datetime.date:
    """The date of a span; TFX counts the days since 1970-01-01."""
    return _EPOCH + datetime.timedelta(days=number)


def number_of(day: datetime.date) -> int:
    """The span of a date."""
    return (day - _EPOCH).days


class _SpanNumber(Form):
    def __init__(self):
        super().__init__("", "a whole number, 0 or more, or a date such as 2026-11-26")

    def __call__(self, given: int | datetime.date) -> int:
        is_moment = isinstance(given, datetime.datetime)
        number = given if isinstance(given, int) or is_moment else number_of(given)
        if is_moment or number < 0:
            raise ValueError(f"allowed: {self.words}")
        return number


Span = Annotated[int | datetime.date, AfterValidator(_SpanNumber())]


class Window(Section):
    """`latest`, `all`, the last N, or those from A to B. No two of them are given together."""

    model_config = ConfigDict(populate_by_name=True)

    last: Annotated[int, Field(ge=1)] | None = Field(
        None, description="how many of the newest spans"
    )
    from_: Span | None = Field(
        None, alias="from", description="the first span; omit for the first there is"
    )
    to: Span | None = Field(None, description="the last span; omit for the newest there is")
    gaps: bool = Field(
        False, description="leave out spans that are not there, instead of stopping the run"
    )

    @model_validator(mode="before")
    @classmethod
    def _may_be_a_word(cls, given):
        if isinstance(given, str | int | list):
            words = {"latest": {"last": 1}, "all": {}}
            if not isinstance(given, str) or given not in words:
                raise ValueError(_FORMS)
            return words[given]
        return given

    @field_validator("to")
    @classmethod
    def _is_not_before_from(cls, to, info):
        first = info.data.get("from_")
        if None not in (to, first) and first > to:
            raise ValueError(f"allowed: {first} or more, as data.window.from is {first}")
        return to

    @model_validator(mode="after")
    def _is_one_window(self):
        if self.last is not None and (self.from_, self.to) != (None, None):
            raise ValueError(_FORMS)
        return self


class Spanned(Section):
    """The keys of a source whose data may arrive in spans; it redeclares `path`."""

    path: str
    window: Window = Field(
        Window(last=1),
        description="which spans are read: latest, all, {last: N} or {from: A, to: B}; with "
        "{SPAN}, or {YYYY}, {MM} and {DD}, in data.path, of which the latter allow dates",
    )
    span: Span | None = Field(
        None,
        description="the span that counts as the newest, to read again what was read then; omit "
        "for the newest there is",
    )
    span_store_gb: Annotated[float, Field(gt=0)] = Field(
        100.0,
        description="GB of spans that are kept below the root, so that later runs need not read "
        "and transform them again; those used longest ago go first",
    )

    @field_validator("window", "span", mode="before")
    @classmethod
    def _are_no_dates_where_the_path_has_numbers(cls, given, info):
        # As days since 1970, dates would choose among numbers such as 20261101 without a word.
        named = given.values() if isinstance(given, dict) else [given]
        has_numbers = "{SPAN" in info.data.get("path", "")
        if has_numbers and any(type(one) is datetime.date for one in named):
            raise ValueError(
                "allowed with {SPAN}: numbers as in the paths; write {YYYY}, {MM} and {DD} in "
                "data.path to choose by dates"
            )
        return given

    @field_validator("window", "span", "span_store_gb")
    @classmethod
    def _has_spans_to_choose_from(cls, given, info):
        path = info.data.get("path")
        is_default = given == cls.model_fields[info.field_name].default
        if path is not None and not has_spans(path) and not is_default:
            raise ValueError("allowed: only with {SPAN}, or {YYYY}, {MM} and {DD}, in data.path")
        return given

    @field_validator("window", "span")
    @classmethod
    def _are_days_where_the_path_has_dates(cls, given, info):
        numbers = [given.from_, given.to] if isinstance(given, Window) else [given]
        has_dates = "{YYYY}" in info.data.get("path", "")
        if has_dates and any(number and number > _LAST_DAY for number in numbers):
            raise ValueError(
                "allowed with {YYYY}, {MM} and {DD}: dates such as 2026-11-26, or their days "
                "since 1970-01-01"
            )
        return given

    @property
    def has_spans(self) -> bool:
        return has_spans(self.path)

    @property
    def addresses(self) -> list[str]:
        """Of the buckets that hold the data, all of it; [] where a part of it lies elsewhere."""
        return [self.path] if is_bucket(self.path) else []
