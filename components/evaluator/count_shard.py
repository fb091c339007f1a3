"""Predicts the examples of a shard with each model and counts the answers."""

import collections
import dataclasses
import logging
import os
from collections.abc import Iterator
from concurrent import futures

import apache_beam as beam
import numpy as np
import tensorflow as tf

from components.evaluator.classification import Classification
from components.evaluator.counts import Counts, total
from components.evaluator.plan import Plan
from components.evaluator.segmentation import Segmentation
from components.evaluator.shard_batch import ShardBatch
from components.graph_error import cause
from components.transform.corrupt_images import CorruptImage, split_corrupt
from failures import Failure

# A serving graph decodes image after image on one core; two batches use what it leaves.
_AT_ONCE = 2
# A model of grey images decodes fewer kinds of them than one of colour does.
_CHANNELS = (3, 1)
_UNTOLD = "its graph does not say why"
# TensorFlow quotes a record that it cannot parse in its message, and its bytes are often no UTF-8.
_UNUSABLE = (tf.errors.InvalidArgumentError, UnicodeDecodeError)
_progress = logging.getLogger("steadyfeed.progress")


class CountShard(beam.DoFn):
    """Turns (number, path) of a TFRecord shard into its Counts.

    The models are loaded once a worker. Memory holds a few batches, whatever the
    shard's size.
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        self._task = None

    def process(self, shard: tuple[int, str]) -> Iterator[Counts]:
        number, path = shard
        plan = self._plan
        counts = Counts.zeros([place.name for place in plan.models], len(plan.class_names))
        try:
            if self._task is None:
                self._task = (Classification if plan.mask_feature is None else Segmentation)(plan)
            self._count(path, counts)
            counts.worst = self._task.small_pictures(counts.worst)
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
        records = tf.data.TFRecordDataset(path, compression).batch(self._task.batch_size)
        waiting = collections.deque()
        position = 0
        with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for serialized in records.prefetch(2):  # (batch,) string
                    places = np.arange(position, position + len(serialized))
                    batch = ShardBatch(path, serialized, places)
                    waiting.append((batch, pool.submit(self._task.predict, serialized)))
                    position += len(serialized)
                    if len(waiting) > _AT_ONCE:
                        self._count_batch(*waiting.popleft(), counts)
            except tf.errors.DataLossError as error:
                raise Failure(
                    f"Evaluator: {path} is damaged after record {position}. "
                    "Remove the Examples artifact and run again."
                ) from error
            while waiting:
                self._count_batch(*waiting.popleft(), counts)

    def _count_batch(self, batch: ShardBatch, answers: futures.Future, counts: Counts) -> None:
        try:
            answers = answers.result()
        except _UNUSABLE as error:
            batch, answers = self._without_corrupt(batch, counts, error)
            if answers is None:
                return
        counts.examples += len(batch.records)
        self._task.count(batch, answers, counts)

    def _without_corrupt(self, batch: ShardBatch, counts: Counts, error):
        """The batch without the images that cannot be decoded, which are listed in `counts`.

        Returns:
          The rest of the batch, and the answers to it; None when nothing is left.

        Raises:
          Failure: a model cannot answer the rest either.
        """
        for channels in _CHANNELS:
            good, corrupt = split_corrupt(
                batch.serialized.numpy(),
                self._plan.image_feature,
                channels,
                self._plan.mask_feature,
            )
            rest = dataclasses.replace(
                batch,
                serialized=tf.gather(batch.serialized, tf.constant(good, tf.int64)),
                records=batch.records[good],
            )
            try:
                answers = self._task.predict(rest.serialized) if good else None
            except _UNUSABLE:
                continue
            file = os.path.basename(batch.path)
            counts.corrupt += [
                CorruptImage(self._plan.split, file, int(batch.records[index]), reason)
                for index, reason in corrupt
            ]
            return rest, answers
        for model in self._task.models:
            try:
                model.predict(batch.serialized)
            except tf.errors.InvalidArgumentError as of_model:
                what = f"cannot answer the Examples of {batch.path} ({cause(of_model, _UNTOLD)})"
                raise model.place.failure(what) from of_model
        raise error


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
