"""The source `bigquery`: images in a table of BigQuery, or in the result of a query."""

import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from settings.buckets import ADDRESS, IN_WORDS
from settings.folders import folder_or_home
from settings.manifest_source import Column, Columns, RowSplits
from settings.plain_paths import PLAIN_OR_HOME
from settings.section import Form, matching

_PROJECT = r"([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
Table = matching(rf"({_PROJECT}\.)?\w+\.[\w -]+", "[project.]dataset.table")
Project = matching(_PROJECT, "a project's id")
Location = matching(r"[A-Za-z][A-Za-z0-9-]*", "a location such as EU or us-central1")
Endpoint = matching(
    r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", "a URL such as https://bigquery-mine.p.googleapis.com"
)
ImageRoot = folder_or_home(
    rf"{PLAIN_OR_HOME}|{ADDRESS}", f"a folder of this machine, or {IN_WORDS}"
)


class _MomentForm(Form):
    def __init__(self):
        super().__init__("", "a time with its zone, such as 2026-11-26T09:30:00Z")

    def __call__(self, given: str | datetime.datetime) -> str:
        moment = given
        if isinstance(given, str):
            try:
                moment = datetime.datetime.fromisoformat(given)
            except ValueError:
                raise ValueError(f"allowed: {self.words}") from None
        if moment.tzinfo is None:
            raise ValueError(f"allowed: {self.words}")
        return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


Moment = Annotated[str | datetime.datetime, AfterValidator(_MomentForm())]


class BigqueryColumns(Columns):
    """The names of the table's columns."""

    image: Column | None = Field(
        None, description="the encoded image, BYTES; omit for `image`, unless `path` is given"
    )
    path: Column | None = Field(
        None,
        description="instead of `image`, the image's path, STRING: an s3:// or gs:// address, or "
        "one below data.root",
    )
    label: Column = Field("label", description="the class; not read when mask_feature is set")
    mask: Column = Field(
        "mask", description="the mask, as the image is given; read when mask_feature is set"
    )
    time: Column = Field("time", description="when the image was made; for split_by: time")
    key: Column | None = Field(
        None,
        description="a unique name of each row, for messages; omit for the number of the row in "
        "its stream",
    )

    @field_validator("image")
    @classmethod
    def _is_instead_of_the_path(cls, image, info):
        if image is not None and info.data.get("path") is not None:
            raise ValueError("allowed: columns.image or columns.path, not both")
        return image


class BigquerySource(RowSplits):
    """Images in a table of BigQuery, or in the result of a query."""

    COMPONENT, PLACE, RUN_KEY = "BigqueryExampleGen", None, "table"

    table: Table | None = Field(None, description="the table; a view needs a query")
    query: Column | None = Field(
        None, description="instead of `table`, GoogleSQL whose result is read"
    )
    where: Column | None = Field(
        None, description="with `table`, a SQL condition that picks rows, such as quality > 3"
    )
    snapshot: Moment | None = Field(
        None,
        description="with `table`, the time as of which it is read, within its time travel (7 "
        "days as a rule); omit for the start of the run",
    )
    columns: BigqueryColumns = Field(BigqueryColumns(), description="the names of the columns")
    root: ImageRoot | None = Field(
        None,
        description="with columns.path, the folder that relative paths start from and stay below",
    )
    project: Project | None = Field(
        None, description="the project that pays; omit for that of the credentials"
    )
    location: Location | None = Field(
        None, description="with `query`, where it runs; omit to let BigQuery find out"
    )
    streams: Annotated[int, Field(ge=1, le=1000)] = Field(
        8, description="how many streams of rows are read at once, at most"
    )
    retry_seconds: Annotated[float, Field(gt=0)] = Field(
        300.0, description="how long throttled and dropped calls are retried without any progress"
    )
    api_endpoint: Endpoint | None = Field(
        None,
        description="BigQuery's REST API, for Private Service Connect; omit for "
        "BIGQUERY_EMULATOR_HOST, if it is set, else Google's. Credentials are sent over https only",
    )
    storage_endpoint: Endpoint | None = Field(
        None, description="likewise, BigQuery's Storage Read API; omit for Google's"
    )

    @model_validator(mode="after")
    def _is_a_table_or_a_query(self):
        if (self.table is None) == (self.query is None):
            raise ValueError("allowed: table or query, one of them")
        for key in ("where", "snapshot"):
            if self.query is not None and getattr(self, key) is not None:
                raise ValueError(f"{key}: allowed with table; write it into the query")
        if self.location is not None and self.query is None:
            raise ValueError("location: allowed with query; a table has its own")
        if self.root is not None and self.columns.path is None:
            raise ValueError("root: allowed with columns.path")
        return self

    @property
    def has_paths(self) -> bool:
        """Whether rows have the paths of images instead of images."""
        return self.columns.path is not None

    @property
    def is_fixed(self) -> bool:
        return self.snapshot is not None and not self.has_paths

    @property
    def weighs(self) -> bool:
        return self.columns.weight is not None
