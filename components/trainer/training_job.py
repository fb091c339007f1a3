"""One training: the artifacts that it reads and the sections that it follows."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Self

from tfx import types
from tfx.types import artifact_utils

from components.trainer.checkpoints import Checkpoints, fingerprint
from components.trainer.weights_place import version_of
from failures import Failure
from files.places import files_in, is_remote
from settings.data import Features
from settings.own_modules import digest
from settings.preprocessing import Preprocessing
from settings.replace import replaced
from settings.training import Recipe


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """What Trainer trains, and Tuner with other values of the recipe; see `component.Trainer`."""

    examples: types.Artifact
    transform_graph: types.Artifact
    schema: types.Artifact
    features: Features
    preprocessing: Preprocessing
    recipe: Recipe
    seed: int
    checkpoint_dir: str | None
    attempts_of: str = ""  # as `Checkpoints` takes it

    def varied(self, values: Mapping[str, Any]) -> Self:
        """The job with these values, by configuration key, in its recipe.

        Raises:
          Failure: a key is unknown, or a value is not allowed.
        """
        try:
            return dataclasses.replace(self, recipe=replaced(self.recipe, values))
        except Failure as failure:
            raise Failure(f"Trainer: hyperparameters: {failure}") from None

    def split_files(self, split: str) -> list[str]:
        """The files of a split of the transformed Examples, sorted; [] without such a split."""
        if split not in self.splits:
            return []
        return files_in(artifact_utils.get_split_uri([self.examples], split))

    @property
    def splits(self) -> list[str]:
        return artifact_utils.decode_split_names(self.examples.split_names)

    @property
    def checkpoints(self) -> Checkpoints:
        """Where this training goes on from."""
        training = self.recipe.training
        return Checkpoints(
            self.state_folder({}),
            training.checkpoint_every_steps,
            training.checkpoint_every_seconds,
            self.attempts_of,
        )

    def state_folder(self, also: Mapping[str, Any], prefix: str = "") -> str | None:
        """Below `checkpoint_dir`, a folder for these inputs, sections and JSON values."""
        if not self.checkpoint_dir:
            return None
        return os.path.join(self.checkpoint_dir, prefix + self.fingerprint(also))

    def fingerprint(self, also: Mapping[str, Any]) -> str:
        """64 hexadecimal digits for all that decides the training, and for these JSON values."""
        training = self.recipe.training.model_dump(mode="json")
        about = {
            "features": self.features.model_dump(mode="json"),
            "shape": self.preprocessing.shape,
            "model": self.recipe.model.model_dump(mode="json"),
            "augmentation": self.recipe.augmentation.model_dump(mode="json"),
            "training": {key: training[key] for key in self.recipe.training.of_a_checkpoint()},
            "seed": self.seed,
            "own_code": digest(self.recipe.own_modules),
            **also,
        }
        folders = (self.examples.uri, self.transform_graph.uri)
        return fingerprint(folders, about, version_of(self.recipe.model.weights))

    @property
    def cache_folder(self) -> str | None:
        """Where the disk strategy keeps decoded images: beside the checkpoints on a local disk."""
        given = self.recipe.training.input.cache_dir
        if given or not self.checkpoint_dir or is_remote(self.checkpoint_dir):
            return given
        return os.path.join(os.path.dirname(self.checkpoint_dir), "input_cache")
