"""One run of Transform: what is read, where it goes and how."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from types import ModuleType

import tensorflow as tf

from components.tasks.transform import transform_of
from failures import Failure
from files.places import files_in
from settings.data import WEIGHT, Features
from settings.preprocessing import Preprocessing

TRAIN = "train"


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file to transform."""

    split: str
    source: str
    target: str

    @property
    def file(self) -> str:
        return self.source.rpartition("/")[2]


@dataclasses.dataclass(frozen=True)
class Job:
    """What the work on a shard needs; plain data, so that it travels to Beam's workers."""

    options: Preprocessing
    features: Features
    types: Mapping[str, tf.DType]  # of the raw features that are read, by name
    class_names: Sequence[str] | None  # of the ids 0, 1, … of integer labels; None: no names
    shards: Sequence[Shard]  # every file of every split
    graph_uri: str
    temp_dir: str  # which every worker reaches; the process that starts the job removes it
    weight_type: tf.DType | None = None  # of the raw examples' weights, if they have any
    classes: int = 0  # of the vocabulary, once it is known

    @property
    def part(self) -> ModuleType:
        """What differs between tasks, as `components.tasks.transform` describes it."""
        return transform_of(self.features.task)

    @property
    def train_shards(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.split == TRAIN]

    @property
    def forms(self) -> dict[str, int | str]:
        """Each transformed feature's form, as `FixedExample` takes it."""
        shape = self.options.shape
        target = self.part.form(shape, self.classes)
        weight = {WEIGHT: "float32"} if self.weight_type else {}
        return {"image": math.prod(shape), self.features.target: target, **weight}

    @property
    def raw_spec(self) -> dict[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]:
        """How the raw features that are read are parsed, by name."""
        spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in self.types.items()}
        target = self.features.target_feature
        return spec | {target: self.part.raw(self.types[target])}


def list_shards(source_uri: str, target_uri: str, splits: Sequence[str]) -> list[Shard]:
    """Every raw file of the splits, each with the file that it becomes.

    Raises:
      Failure: there is no split `train`, or a split has no file.
    """
    if TRAIN not in splits:
        raise Failure(
            f"Transform learns from split {TRAIN!r}, and the examples have only: "
            f"{', '.join(splits)}. Name one of the splits {TRAIN!r}."
        )
    shards = []
    for split in splits:
        sources = files_in(f"{source_uri}/Split-{split}")
        if not sources:
            raise Failure(
                f"Transform found no file of split {split!r} in {source_uri}. "
                "Run again; if that does not help, give the split another expression."
            )
        folder = f"{target_uri}/Split-{split}"
        shards += [
            Shard(split, source, f"{folder}/transformed_examples-{i:05d}-of-{len(sources):05d}")
            for i, source in enumerate(sources)
        ]
    return shards
