"""Predicts the examples of a shard with each model and counts the answers."""

import collections
from collections.abc import Iterator
from concurrent import futures

import tensorflow as tf

from components.evaluator.counts import SplitCounts
from components.evaluator.plan import Plan, ShardBatch
from components.graph_error import cause
from components.image_decode import UNDECODABLE
from components.images_at_once import Calls
from components.tasks.evaluation import evaluation_of
from components.transform.corrupt_images import CorruptImage, split_corrupt
from files import tfrecords

# Channels, and whether images are turned. A model of grey images decodes fewer kinds of them than
# one of colour does, and a model that turns none can do with damaged EXIF.
_READINGS = ((3, False), (3, True), (1, False), (1, True))
_UNNAMED = "its graph does not say why"
# TensorFlow quotes a record that it cannot parse, whose bytes are often not UTF-8.
_UNUSABLE = (*UNDECODABLE, UnicodeDecodeError)


class CountShard:
    """Turns the path of a TFRecord shard into its SplitCounts.

    It travels to a worker without the models, and loads them there once. Memory holds a few
    batches, whatever the shard's size.
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        self._task = None

    def __call__(self, path: str) -> SplitCounts:
        """Counts a shard.

        Raises:
          Failure: the shard is damaged, or a model cannot answer its examples.
        """
        plan = self._plan
        if self._task is None:
            self._task = evaluation_of(plan.features.task).Counting(plan)
        counts = SplitCounts.of(plan)
        waiting = collections.deque()
        calls = self._task.calls
        with futures.ThreadPoolExecutor(calls.number) as pool:
            for batch in _batches(path, calls):
                waiting.append((batch, pool.submit(self._task.predict, batch.serialized)))
                if len(waiting) > calls.number:
                    self._count(*waiting.popleft(), counts)
            while waiting:
                self._count(*waiting.popleft(), counts)
        return counts

    def _count(self, batch: ShardBatch, answers: futures.Future, counts: SplitCounts) -> None:
        try:
            answers = answers.result()
        except _UNUSABLE as error:
            batch, answers = self._without_corrupt(batch, counts, error)
            if answers is None:
                return
        counts.examples += len(batch.records)
        self._task.count(batch, answers, counts)

    def _without_corrupt(self, batch: ShardBatch, counts: SplitCounts, error):
        """The batch without the images that cannot be decoded, which `counts` lists.

        Returns:
          The rest of the batch, and the answers to it; None when nothing is left.

        Raises:
          Failure: a model cannot answer the rest either.
        """
        features = self._plan.features
        for channels, exif_orientation in _READINGS:
            good, corrupt = split_corrupt(
                batch.serialized,
                features.image_feature,
                channels,
                exif_orientation,
                features.mask_feature,
                features.mask_colours,
            )
            rest = ShardBatch(
                batch.path,
                [batch.records[index] for index in good],
                [batch.serialized[index] for index in good],
            )
            try:
                answers = self._task.predict(rest.serialized) if good else None
            except _UNUSABLE:
                continue
            counts.corrupt += [
                CorruptImage(self._plan.split, batch.file, batch.records[index], reason)
                for index, reason in corrupt
            ]
            return rest, answers
        for model in self._task.models:
            try:
                model.predict(tf.constant(batch.serialized))
            except UNDECODABLE as of_model:
                what = f"cannot answer the Examples of {batch.path} ({cause(of_model, _UNNAMED)})"
                raise model.place.failure(what) from of_model
        raise error


def _batches(path: str, calls: Calls) -> Iterator[ShardBatch]:
    next_step = "Remove the Examples artifact and run again."
    for first, batch in tfrecords.batches(path, calls.images, calls.image_bytes, next_step):
        yield ShardBatch(path, range(first, first + len(batch)), batch)
