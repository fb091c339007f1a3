"""What all tasks share when they count the answers of a plan's models."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from components.evaluator.plan import Plan, ShardBatch
from components.evaluator.served_model import Served
from components.images_at_once import calls_at_once, images_at_once


class Counting:
    """Loads the models of a plan and predicts with them; a task's own class counts the answers.

    Attributes:
      calls: how examples are divided over calls of `predict`; two have as many as the plan's batch
        size says, or fewer where images are large.
      models: in the order of the plan.
    """

    MODEL: Callable[..., Served]

    def __init__(self, plan: Plan):
        names = list(plan.class_names)
        self._plan = plan
        self.models = [self.MODEL(place, names) for place in plan.models]
        task = plan.features.task
        fitting = [images_at_once(place.path, task) for place in plan.models]
        self.calls = calls_at_once(min(filter(None, [plan.batch_size, *fitting])))

    def predict(self, serialized: Sequence[bytes]) -> list[Any]:
        """What `predict` of each model answers to a batch.

        Raises:
          tf.errors.InvalidArgumentError: an image or a mask cannot be decoded.
        """
        examples = tf.constant(serialized)
        return [model.predict(examples) for model in self.models]

    def _picture(self, batch: ShardBatch, index: int) -> dict[str, bytes]:
        """The image of an example, to show among the worst."""
        from components.evaluator import pictures  # Pillow, for models that make mistakes

        features = tf.train.Example.FromString(batch.serialized[index]).features.feature
        [image] = features[self._plan.features.image_feature].bytes_list.value
        return {"image": pictures.shown(image)}
