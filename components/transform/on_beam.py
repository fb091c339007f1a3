"""Transform on the workers of a Beam runner, one file a work item.

TensorFlow Transform analyses the training split, and then the workers run its
graph over every file. Examples, vocabulary and statistics are those of `in_process`.
"""

import dataclasses
import json
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from tensorflow_transform import beam as tft_beam
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import tf_example_record

from components.transform import preprocessing, shards, transform_graph
from components.transform.corrupt_images import CorruptImage, enforce_policy, split_corrupt
from components.transform.job import Job, Shard
from failures import Failure

_FAILURE = re.compile(r"components\.failure\.Failure: (.*?)(?: \[while running|$)", re.MULTILINE)


def run(job: Job, make_pipeline: Callable[[], beam.Pipeline]) -> list[shards.ShardResult]:
    """Writes the transform graph and every transformed file.

    Args:
      job: what to transform; its folders are in reach of every worker.
      make_pipeline: makes an empty pipeline on the runner.

    Returns:
      One result a file, in the order of `job.shards`.

    Raises:
      Failure: when a file, a label or an image cannot be used.
    """
    try:
        _run_pipeline(job, make_pipeline, screened=False)
    except Failure:
        raise
    except Exception as error:
        # A graph cannot say which example it failed on, and looking costs another decoding.
        logging.warning("Transform runs again and looks at every example: %s", error)
        _run_pipeline(job, make_pipeline, screened=True)
    results = [_read_result(job, number) for number in range(len(job.shards))]
    corrupt = [image for result in results for image in result.corrupt]
    enforce_policy("Transform", corrupt, job.options.on_corrupt_image, job.options.max_dropped)
    statistics = f"{job.graph_uri}/transform_fn/assets/{preprocessing.PIXEL_STATISTICS}"
    tf.io.gfile.copy(statistics, f"{job.graph_uri}/{preprocessing.PIXEL_STATISTICS}")
    return results


def _run_pipeline(job: Job, make_pipeline, screened: bool) -> None:
    for folder in (job.graph_uri, job.temp_dir):  # of an attempt that failed
        if tf.io.gfile.exists(folder):
            tf.io.gfile.rmtree(folder)
    tf.io.gfile.makedirs(_results(job))
    try:
        with make_pipeline() as pipeline, tft_beam.Context(temp_dir=f"{job.temp_dir}/analysis"):
            _build(pipeline, job, screened)
    except Failure:
        raise
    except Exception as error:
        # A worker's exception comes as text, with its traceback.
        if failure := _FAILURE.search(str(error)):
            raise Failure(failure[1]) from error
        raise


def _build(pipeline: beam.Pipeline, job: Job, screened: bool) -> None:
    schema = transform_graph.raw_schema(job.features)
    reading = tf_example_record.TFExampleBeamRecord(
        physical_format="tfrecord", telemetry_descriptors=["Transform"], schema=schema
    )
    function = partial(
        preprocessing.preprocessing_fn, options=job.options, class_names=job.class_names
    )
    train = (
        pipeline
        | "TrainFiles" >> beam.Create(job.train_shards)
        | "SpreadTrainFiles" >> beam.Reshuffle()
        | "Read" >> beam.FlatMap(read_batches, job, screened).with_output_types(pa.RecordBatch)
    )
    transform_fn = (train, reading.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(function)
    written = transform_fn | tft_beam.WriteTransformFn(job.graph_uri)
    _ = (
        pipeline
        | "Files" >> beam.Create(list(enumerate(job.shards)))
        | "SpreadFiles" >> beam.Reshuffle()
        | "Transform" >> beam.ParDo(_TransformShard(job), after=beam.pvalue.AsIter(written))
    )


def read_batches(shard: Shard, job: Job, screened: bool) -> Iterator[pa.RecordBatch]:
    """The two features of a raw file, many examples at a time.

    Args:
      shard: the file.
      job: names and types of the features.
      screened: leave out the examples whose image does not decode.

    Raises:
      Failure: when the file is damaged or, if screened, a label or mask cannot be used.
    """
    options = job.options
    schema = transform_graph.raw_schema(job.features)
    decoder = example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
    for first, batch in shards.batches(shard, shards.batch_size(options)):
        if screened:
            shards.check_targets(batch, first, shard, job)
            good, _ = split_corrupt(
                batch, options.image_feature, options.channels, options.mask_feature
            )
            batch = batch[good]
        yield decoder.DecodeBatch(batch.tolist())


class _TransformShard(beam.DoFn):
    """Transforms one file, and leaves its result as JSON."""

    def __init__(self, job: Job):
        self._job = job
        self._transform = None

    def process(self, numbered_shard: tuple[int, Shard], after):
        number, shard = numbered_shard
        if self._transform is None:  # not in setup: the graph is written while the pipeline runs
            self._transform = transform_graph.load(self._job)
        with ThreadPoolExecutor(shards.cores()) as pool:
            result = shards.transform_shard(shard, self._transform, self._job, pool)
        with tf.io.gfile.GFile(f"{_results(self._job)}/{number}.json", "w") as file:
            json.dump(dataclasses.asdict(result), file)


def _results(job: Job) -> str:
    return f"{job.temp_dir}/results"


def _read_result(job: Job, number: int) -> shards.ShardResult:
    with tf.io.gfile.GFile(f"{_results(job)}/{number}.json") as file:
        fields = json.load(file)
    fields["corrupt"] = [CorruptImage(**image) for image in fields["corrupt"]]
    return shards.ShardResult(**fields)
