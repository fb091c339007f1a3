"""Predicts the examples of a shard with each model and counts the answers."""

import collections
import logging
import os
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import tensorflow as tf

from components.evaluator.counts import Counts, total
from components.evaluator.model_place import ModelPlace
from components.evaluator.served_model import ServedModel
from components.failure import Failure
from components.transform.corrupt_images import CorruptImage, split_corrupt

# A serving graph decodes image after image on one core; two batches use what it leaves.
_AT_ONCE = 2
_progress = logging.getLogger("steadyfeed.progress")


@dataclass(frozen=True)
class Plan:
    """What is evaluated how; small, so that it can travel to any worker."""

    models: tuple[ModelPlace, ...]  # the challenger first
    class_names: tuple[str, ...]  # of all models together
    split: str
    image_feature: str
    label_feature: str
    label_is_bytes: bool
    batch_size: int
    shards: int


class CountShard(beam.DoFn):
    """Turns (number, path) of a TFRecord shard into its Counts.

    The models are loaded once a worker. Memory holds a few batches, whatever the
    shard's size.
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        self._models = None

    def process(self, shard: tuple[int, str]) -> Iterator[Counts]:
        number, path = shard
        plan = self._plan
        counts = Counts.zeros([place.name for place in plan.models], len(plan.class_names))
        try:
            if self._models is None:
                names = list(plan.class_names)
                self._models = [ServedModel(place, names) for place in plan.models]
                self._labels = LabelIds(self._models, len(names))
            self._count(path, counts)
        except Failure as failure:
            counts.failure = str(failure)
        _progress.info(
            "evaluated shard %d of %d",
            number + 1,
            plan.shards,
            extra={"completed": (number + 1) / plan.shards},
        )
        yield counts

    def _count(self, path: str, counts: Counts) -> None:
        compression = "GZIP" if path.endswith(".gz") else None
        records = tf.data.TFRecordDataset(path, compression).batch(self._plan.batch_size)
        waiting = collections.deque()
        position = 0
        with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for batch in records.prefetch(2):  # (batch,) string
                    waiting.append((batch, position, pool.submit(self._predict, batch)))
                    position += len(batch)
                    if len(waiting) > _AT_ONCE:
                        self._count_batch(path, *waiting.popleft(), counts)
            except tf.errors.DataLossError as error:
                raise Failure(
                    f"Evaluator: {path} is damaged after record {position}. "
                    "Remove the Examples artifact and run again."
                ) from error
            while waiting:
                self._count_batch(path, *waiting.popleft(), counts)

    def _predict(self, batch: tf.Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
        return [model.predict(batch) for model in self._models]

    def _count_batch(self, path: str, batch, position: int, answers, counts: Counts) -> None:
        try:
            answers = answers.result()
        except tf.errors.InvalidArgumentError as error:
            batch = self._without_corrupt(batch, path, position, counts, error)
            if not len(batch):
                return
            answers = self._predict(batch)
        labels = self._labels.of(batch, self._raw_labels(batch, path))
        for model, (predicted, probabilities) in zip(self._models, answers, strict=True):
            counts.models[model.place.name].add(labels, predicted, probabilities)

    def _without_corrupt(self, batch, path: str, position: int, counts: Counts, error):
        """The batch without the images that cannot be decoded, which are listed in `counts`."""
        good, corrupt = split_corrupt(batch.numpy(), self._plan.image_feature)
        if not corrupt:
            first_line = error.message.split("\n")[0]
            raise Failure(
                f"Evaluator: a model cannot answer the Examples of {path} ({first_line}). "
                "Check that it was trained on data of this kind."
            ) from error
        file = os.path.basename(path)
        counts.corrupt += [
            CorruptImage(self._plan.split, file, position + index, reason)
            for index, reason in corrupt
        ]
        return tf.gather(batch, good)

    def _raw_labels(self, batch, path: str) -> np.ndarray:
        """(batch,) the labels as the dataset has them: int64, or bytes objects."""
        feature = self._plan.label_feature
        dtype = tf.string if self._plan.label_is_bytes else tf.int64
        try:
            parsed = tf.io.parse_example(batch, {feature: tf.io.FixedLenFeature([], dtype)})
        except tf.errors.InvalidArgumentError as error:
            raise Failure(
                f"Evaluator: an Example of {path} has no single label {feature!r}. "
                "Leave unlabelled examples out of the split."
            ) from error
        return parsed[feature].numpy()


class LabelIds:
    """Classes of raw labels, found by the models' own transforms.

    Each distinct label passes a transform once, with one of the examples that
    carry it; transforming all of them would decode every image again.
    """

    def __init__(self, models: list[ServedModel], unknown: int):
        self._models = models
        self._unknown = unknown
        self._known = {}

    def of(self, batch: tf.Tensor, raw: np.ndarray) -> np.ndarray:
        """(batch,) int64: joint classes; `unknown` for labels in no vocabulary."""
        distinct, carriers = np.unique(raw, return_index=True)
        new = [
            index
            for label, index in zip(distinct, carriers, strict=True)
            if label not in self._known
        ]
        if new:
            examples = tf.gather(batch, new)
            ids = np.full(len(new), -1, np.int64)
            for model in self._models:
                ids = np.where(ids < 0, model.label_ids(examples), ids)
            ids = np.where(ids < 0, self._unknown, ids)
            self._known.update(zip(raw[new], ids, strict=True))
        return np.array([self._known[label] for label in raw], np.int64)


class AddUp(beam.CombineFn):
    """Adds the Counts of all shards up."""

    def create_accumulator(self) -> list[Counts]:
        return []

    def add_input(self, accumulator: list[Counts], counts: Counts) -> list[Counts]:
        return [total([*accumulator, counts])]

    def merge_accumulators(self, accumulators) -> list[Counts]:
        parts = [counts for accumulator in accumulators for counts in accumulator]
        return [total(parts)] if parts else []

    def extract_output(self, accumulator: list[Counts]) -> Counts:
        return accumulator[0]
