"""The source `tfrecords`: TFRecord files of tf.train.Examples that others have written."""

from pydantic import Field, field_validator

from settings.buckets import ADDRESS, IN_WORDS, Cached
from settings.folders import folder_of_spans
from settings.plain_paths import PLAIN_OR_HOME
from settings.section import matching
from settings.source import PartSplits, Source, share_or
from settings.spans import Spanned

RecordFolder = folder_of_spans(
    rf"{PLAIN_OR_HOME}|{ADDRESS}", f"a folder of this machine, or {IN_WORDS}"
)
_PATTERN = r"(?!/)(?!(.*/)?\.\.(/|$))[^\x00-\x1f]+"
_WORDS = "a pattern of files below data.path, such as train-*.tfrecord"
Part = share_or(_PATTERN, _WORDS)


class TfrecordSplits(PartSplits):
    """A percentage of the examples each, by a hash of the image, or the files of each split."""

    NAMES = "pattern"
    train: Part = Field(description="examples to train on")
    validation: Part | None = Field(
        None, description="examples that choose the best epoch; omit to train without them"
    )
    test: Part = Field(description="examples that the Evaluator measures on")


class TfrecordsSource(Source, Spanned, Cached):
    """TFRecord files of tf.train.Examples, plain or gzipped."""

    COMPONENT, PLACE, RUN_KEY = "TfrecordsExampleGen", "path", "path"
    MULTI_LABEL = ANY_WEIGHT = True

    path: RecordFolder = Field(description="the folder that holds the files")
    files: matching(_PATTERN, _WORDS) = Field(
        "**/*tfrecord*",
        description="which files below data.path are read where data.splits are percentages; "
        "** stands for any folders",
    )
    splits: TfrecordSplits | None = Field(
        None,
        description="percentages, or the files of each split as patterns such as train-*; omit "
        "for 80, 10 and 10 percent",
    )
    class_names: list[str] = Field(
        [], description="the names of labels that are whole numbers, in their order from 0"
    )

    @field_validator("class_names")
    @classmethod
    def _differ(cls, names):
        if len(set(names)) < len(names) or any(name.splitlines() != [name] for name in names):
            raise ValueError("allowed: names of one line each, and no two the same")
        return names

    @property
    def has_validation(self) -> bool:
        return self.splits is None or self.splits.validation is not None
