"""The sources of examples that `data.source` chooses from, each with the keys of its own.

A new source is a section here or in a file of its own, its entry in SOURCES, and its ExampleGen in
`components/<source>_example_gen/component.py`.
"""

from pydantic import Field, field_validator

from settings.bigquery_source import BigquerySource
from settings.buckets import ADDRESS, IN_WORDS, Cached
from settings.folders import folder_of_spans, folder_or_home
from settings.manifest_source import ManifestSource
from settings.plain_paths import PLAIN, PLAIN_OR_HOME
from settings.section import Section, matching
from settings.source import PartSplits, Source, share_or
from settings.spans import Spanned
from settings.tfrecords_source import TfrecordsSource

Dataset = matching(
    r"([a-z]\w*(/[\w.-]+)?|hf:\w[\w.-]*(/\w[\w.-]*){0,2})(:(\d+|\*)(\.(\d+|\*)){2})?",
    "TFDS name[/config][:version], or hf:owner/name[/config][:version]",
)
DataFolder = folder_or_home(rf"(\w+://|~/)?{PLAIN}", "a folder or an address")
ImageFolder = folder_of_spans(
    rf"{PLAIN_OR_HOME}|{ADDRESS}", f"a folder of this machine, or {IN_WORDS}"
)


class Splits(Section):
    """TFDS split expressions: https://www.tensorflow.org/datasets/splits."""

    train: str = Field(description="examples to train on")
    validation: str | None = Field(
        None, description="examples that choose the best epoch; omit to train without them"
    )
    test: str = Field(description="examples that the Evaluator measures on")

    def by_role(self) -> dict[str, str]:
        return {role: expression for role, expression in self if expression is not None}


class TfdsSource(Source, Cached):
    """A dataset of TensorFlow Datasets."""

    COMPONENT, PLACE, RUN_KEY = "TfdsExampleGen", "data_dir", "dataset"
    MAX_OVERLAP, MULTI_LABEL, ANY_WEIGHT = None, True, True

    dataset: Dataset = Field(
        description="the TFDS dataset, or by hf: one of Hugging Face that TFDS has prepared; "
        "without a version, the newest one"
    )
    splits: Splits
    data_dir: DataFolder | None = Field(
        None, description="the folder of prepared TFDS datasets; omit for TFDS's own"
    )
    exclude_labels: list[str] = Field(
        [], description="classes of label_feature whose examples are left out of every split"
    )
    download: bool = Field(False, description="let TFDS download and prepare a missing dataset")

    @property
    def is_fixed(self) -> bool:
        # A version never changes; 1.*.* is the newest of several.
        name = self.dataset.removeprefix("hf:")
        return ":" in name and "*" not in name

    @property
    def has_validation(self) -> bool:
        return self.splits.validation is not None


FolderName = matching(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*", "a folder's name")
Part = share_or(r"(?![.\d])[^/\\\x00-\x1f]+", "a folder's name")


class FolderSplits(PartSplits):
    """A percentage of the images each, chosen by their content, or the folders of the splits."""

    NAMES = "folder"
    train: Part = Field(description="images to train on")
    validation: Part | None = Field(
        None, description="images that choose the best epoch; omit to train without them"
    )
    test: Part = Field(description="images that the Evaluator measures on")


class FolderSource(Source, Spanned, Cached):
    """A folder of images, `<class>/<name>` or `<split>/<class>/<name>`, or one for each span."""

    COMPONENT, PLACE, RUN_KEY = "FolderExampleGen", "path", "path"

    path: ImageFolder = Field(
        description="the folder that holds a folder of images for each class, or one of images "
        "and one of masks"
    )
    splits: FolderSplits | None = Field(
        None,
        description="percentages, or names of split folders; omit for the folders train, "
        "validation and test where the path has them, else for 80, 10 and 10 percent",
    )
    image_folder: FolderName = Field(
        "images", description="with mask_feature, the folder of the images"
    )
    mask_folder: FolderName = Field(
        "masks",
        description="the folder of their masks, which have the same names but for the suffix",
    )

    @field_validator("mask_folder")
    @classmethod
    def _is_not_that_of_images(cls, masks, info):
        if masks == info.data.get("image_folder"):
            raise ValueError("allowed: another folder than data.image_folder")
        return masks

    @property
    def has_validation(self) -> bool:
        return self.splits is None or self.splits.validation is not None


SOURCES: dict[str, type[Source]] = {
    "tfds": TfdsSource,
    "folder": FolderSource,
    "manifest": ManifestSource,
    "tfrecords": TfrecordsSource,
    "bigquery": BigquerySource,
}
