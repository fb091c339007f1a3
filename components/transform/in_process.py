"""Transform in this process, on all its cores: each image is decoded once.

TensorFlow Transform's own Beam pipeline has 150 stages and costs two seconds in
the in-memory runner before it sees an example, and it decodes the training split
twice, to analyse it and to transform it. Here the same CombineFns are fed
directly: the labels first, without decoding, and the pixels as they are written.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from components.transform import analyzers, preprocessing, shards, transform_graph
from components.transform.corrupt_images import enforce_policy
from components.transform.job import TRAIN, Job

_LABELS_AT_ONCE = 4096
_progress = logging.getLogger("steadyfeed.progress")


def run(job: Job) -> list[shards.ShardResult]:
    """Writes the transform graph and every transformed file.

    Returns:
      One result a file, in the order of `job.shards`.

    Raises:
      Failure: when a file, a label or an image cannot be used.
    """
    vocabulary = _vocabulary(job) if job.options.target == "label" else None
    results = _transform(job, vocabulary)
    if vocabulary and (met := _met(vocabulary, results)) != vocabulary:
        # A class all of whose images are corrupt is none, and only now is that known.
        tf.io.gfile.rmtree(job.graph_uri)
        results = _transform(job, met)
    statistics = analyzers.PixelStatistics(job.options)
    accumulator = statistics.create_accumulator()
    for result in results:
        if result.split == TRAIN:
            accumulator = statistics.merge_accumulators([accumulator, result.pixels])
    analyzers.write_file(
        statistics.extract_output(accumulator), f"{job.graph_uri}/{preprocessing.PIXEL_STATISTICS}"
    )
    return results


def _vocabulary(job: Job) -> bytes:
    """The labels of the training split, one a line, read without decoding an image."""
    vocabulary = analyzers.LabelVocabulary(job.class_names)
    label = job.options.label_feature
    spec = {label: tf.io.FixedLenFeature([], job.features[label])}
    labels = vocabulary.create_accumulator()
    for shard in job.train_shards:
        for first, batch in shards.batches(shard, _LABELS_AT_ONCE):
            try:
                parsed = tf.io.parse_example(batch, spec)
            except shards.UNUSABLE:
                shards.check_labels(batch, first, shard, job)
                raise
            labels = vocabulary.add_input(labels, parsed[label].numpy())
    return vocabulary.extract_output(labels)


def _met(vocabulary: bytes, results: Sequence[shards.ShardResult]) -> bytes:
    """The vocabulary without the labels that no transformed example of train has.

    Where train has no example with a label it stays as it is: that is no training split.
    """
    classes = {number for result in results if result.split == TRAIN for number in result.classes}
    lines = vocabulary.splitlines(keepends=True)
    return b"".join(line for number, line in enumerate(lines) if number in classes) or vocabulary


def _transform(job: Job, vocabulary: bytes | None) -> list[shards.ShardResult]:
    vocabulary_file = None
    if vocabulary is not None:
        vocabulary_file = f"{job.temp_dir}/{preprocessing.VOCABULARY}"
        analyzers.write_file(vocabulary, vocabulary_file)
    transform_graph.write(job, vocabulary_file)
    return _transform_shards(job)


def _transform_shards(job: Job) -> list[shards.ShardResult]:
    transform = transform_graph.load(job)
    options, results = job.options, []
    with ThreadPoolExecutor(shards.cores()) as pool:
        for shard in job.shards:
            results.append(shards.transform_shard(shard, transform, job, pool))
            corrupt = [image for result in results for image in result.corrupt]
            enforce_policy("Transform", corrupt, options.on_corrupt_image, options.max_dropped)
            _progress.info(
                "file %d of %d",
                len(results),
                len(job.shards),
                extra={"completed": len(results) / len(job.shards)},
            )
    return results
