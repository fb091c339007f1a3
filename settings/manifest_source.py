"""The source `manifest`: images that a table names."""

import os
from typing import Annotated, Literal

from pydantic import Field, model_validator

from files.buckets.addresses import is_bucket, normal
from settings.buckets import ADDRESS, IN_WORDS, Cached
from settings.folders import folder_of_spans, folder_or_home
from settings.plain_paths import PLAIN_OR_HOME
from settings.section import Section
from settings.source import PartSplits, Source, share_or
from settings.spans import Spanned

ManifestFile = folder_of_spans(
    rf"({PLAIN_OR_HOME}|{ADDRESS})\.(csv|jsonl|parquet)",
    f"a file of this machine, or {IN_WORDS}, whose name ends in .csv, .jsonl or .parquet",
)
ImageRoot = folder_or_home(
    rf"{PLAIN_OR_HOME}|{ADDRESS}", f"a folder of this machine, or {IN_WORDS}"
)
Column = Annotated[str, Field(min_length=1)]
Part = share_or(r"[^\x00-\x1f]+", "a value of the split column")


class Columns(Section):
    """The names of the manifest's columns."""

    path: Column = Field("path", description="the image's path, below data.root")
    label: Column = Field("label", description="the class; not read when mask_feature is set")
    mask: Column = Field("mask", description="the mask's path; read when mask_feature is set")
    split: Column | None = Field(
        None, description="the split; omit for the column `split`, if there is one"
    )
    group: Column | None = Field(
        None,
        description="what must stay in one split, such as a patient; omit for the column `group`, "
        "if there is one",
    )
    time: Column = Field(
        "time", description="when the image was made: ISO 8601 or a number; for split_by: time"
    )
    weight: Column | None = Field(
        None,
        description="what each image weighs in the loss, a number of 0 or more; it goes into the "
        "Examples as `sample_weight`",
    )

    @model_validator(mode="after")
    def _differ(self):
        names = [name for _, name in self if name is not None]
        if len(set(names)) < len(names):
            raise ValueError("allowed: a column of its own for each key")
        return self


class ManifestSplits(PartSplits):
    """A percentage of the images each, or the values of the split column."""

    NAMES = "value"
    train: Part = Field(description="images to train on")
    validation: Part | None = Field(
        None, description="images that choose the best epoch; omit to train without them"
    )
    test: Part = Field(description="images that the Evaluator measures on")


class RowSplits(Source):
    """How the rows of a table become splits."""

    split_by: Literal["split", "group", "content", "time"] | None = Field(
        None,
        description="split reads the split column; group and content draw by a hash, group of "
        "the group column; time puts the latest images into test; omit for the first of split, "
        "group and content that the data has",
    )
    splits: ManifestSplits | None = Field(
        None,
        description="percentages, or values of the split column; omit for 80, 10 and 10 percent, "
        "or for the values train, validation and test",
    )

    @model_validator(mode="after")
    def _splits_fit(self):
        if self.splits is None or self.split_by is None:
            return self
        if self.splits.are_shares == (self.split_by == "split"):
            needed = "values of the split column" if self.splits.are_shares else "percentages"
            raise ValueError(f"split_by: {self.split_by} needs {needed} in splits")
        return self

    @property
    def has_validation(self) -> bool:
        return self.splits is None or self.splits.validation is not None


class ManifestSource(RowSplits, Spanned, Cached):
    """Images that a CSV, JSONL or Parquet file names, with their classes or masks."""

    COMPONENT, PLACE, RUN_KEY = "ManifestExampleGen", "path", "path"
    MULTI_LABEL = True

    path: ManifestFile = Field(description="the manifest: one row for each image")
    root: ImageRoot | None = Field(
        None,
        description="the folder that paths are relative to and stay below; a relative one starts "
        "at the manifest's folder; omit for the manifest's folder",
    )
    columns: Columns = Field(Columns(), description="the names of the manifest's columns")
    label_separator: Annotated[str, Field(min_length=1, max_length=8)] | None = Field(
        None,
        description="with multi_label, what separates the classes in a cell of the label column, "
        'such as ";"; omit where cells are lists of JSONL or Parquet',
    )

    @property
    def image_root(self) -> str:
        """The folder or the address that the paths of images are relative to."""
        root = self.root or ""
        if not is_bucket(root):  # An address would be taken for a relative path.
            above = os.path.dirname(os.path.expanduser(self.path))
            root = os.path.join(above, os.path.expanduser(root))
        return normal(root)

    @property
    def addresses(self):
        places = [self.path, self.image_root]
        return places if all(map(is_bucket, places)) else []

    def mistake_in_labels(self, multi_label):
        if self.label_separator and not multi_label:
            return "label_separator is given; allowed: only with multi_label: true"
        if multi_label and self.path.endswith(".csv") and not self.label_separator:
            return (
                "label_separator is missing, and a CSV has no lists; allowed: what separates the "
                "classes of a cell, such as ';'"
            )
        return None

    @property
    def weighs(self) -> bool:
        return self.columns.weight is not None
