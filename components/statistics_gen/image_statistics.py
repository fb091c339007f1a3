"""Statistics of image Examples by TFDV's own generators, gathered shard by shard."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.coders import example_coder

from components.engine import Engine, processes_for, run_shards
from components.statistics_gen import overlap, statistics_files
from components.usable_cores import usable_cores
from failures import Failure
from files import tfrecords
from files.places import files_in
from settings.data import Features

# The first records of a data set tell how large records are, and which are text.
SAMPLE_RECORDS = 64
# One batch is what is held in memory; larger ones are no faster.
MAX_BATCH_RECORDS = 4096
_MUCH = 16 << 30  # bytes of examples, which take half a minute or more
Accumulators = list[Any]  # one of each of TFDV's generators
NEXT_STEP = "Delete the artifact and run again."


class Gathered(NamedTuple):
    """What some shards hold: enough for their statistics, and to find the images they share."""

    accumulators: Accumulators
    digests: np.ndarray  # (different images,) uint64, rising


def shards(split_uri: str) -> list[str]:
    """Paths of a split's TFRecord files, sorted.

    Raises:
      Failure: the folder is missing or holds no file.
    """
    paths = files_in(split_uri)
    if not paths:
        raise Failure(f"{split_uri} holds no examples. {NEXT_STEP}")
    return paths


def stats_options(paths: Sequence[str], features: Features) -> tfdv.StatsOptions:
    """TFDV's options for the examples in the TFRecord files `paths`, from the first of them.

    Images and masks are declared as images, so that TFDV measures their bytes and
    searches them neither for text nor for frequent values. The same holds for every
    other feature that is not UTF-8 text. An integer label
    is declared as categorical, so that its values are counted, up to MOST_CLASSES of them.

    Raises:
      Failure: the first examples are damaged or contradict each other.
    """
    schema = schema_pb2.Schema()
    for name in features.pictures:
        schema.feature.add(name=name, type=schema_pb2.BYTES).image_domain.SetInParent()
    for name in _binary_features(paths):
        if name not in features.pictures:
            schema.feature.add(name=name, type=schema_pb2.BYTES).image_domain.SetInParent()
    if features.label not in (None, features.image_feature):
        label = schema.feature.add(name=features.label, type=schema_pb2.INT)
        label.int_domain.is_categorical = True
    most = statistics_files.MOST_CLASSES
    return tfdv.StatsOptions(schema=schema, num_rank_histogram_buckets=most)


def split_statistics(
    paths: Sequence[str], options: tfdv.StatsOptions
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Statistics of all examples in `paths`, equal to those of TFDV's Beam pipeline.

    Only the number of distinct values is estimated: above 16,384 of them.

    Raises:
      Failure: a file is damaged, or a feature changes its type between examples.
    """
    return merged([*gathered([paths], options)], options)


def gathered(
    groups: Sequence[Sequence[str]],
    options: tfdv.StatsOptions,
    image_feature: str | None = None,
    folder: str = "",
    engine: Engine | None = None,
) -> Iterator[Gathered]:
    """What each group of TFRecord files holds. Each file is read once, all in one job of an engine.

    Args:
      groups: paths.
      image_feature: names the images to take digests of.
      folder, engine: as for `run_shards`.

    Raises:
      Failure: as `split_statistics`.
    """
    paths = list(itertools.chain.from_iterable(groups))
    work = GatherShard(options.to_json(), image_feature)
    processes = 0 if engine else processes_for(paths, _MUCH, cores_each=1)
    each = run_shards(work, paths, folder, engine, usable_cores(), processes)
    with contextlib.closing(each):
        for group in groups:
            of_group = zip(group, itertools.islice(each, len(group)), strict=True)
            _, (whole, digests) = next(of_group)
            generators, digests = stats_impl.get_generators(options, in_memory=True), [digests]
            for path, found in of_group:
                with _naming(path):
                    whole = _merged(generators, whole, found.accumulators)
                digests.append(found.digests)
            yield Gathered(whole, overlap.joined(digests))


@dataclass(frozen=True)
class GatherShard:
    """The work on a shard: what TFDV's generators gather from its examples, and its images."""

    options: str  # TFDV's, as JSON
    image_feature: str | None

    def __call__(self, path: str) -> Gathered:
        options = tfdv.StatsOptions.from_json(self.options)
        generators = stats_impl.get_generators(options, in_memory=True)
        accumulators = [generator.create_accumulator() for generator in generators]
        decoder, digests = example_coder.ExamplesToRecordBatchDecoder(), set()
        for _, records in tfrecords.batches(path, MAX_BATCH_RECORDS, next_step=NEXT_STEP):
            with _naming(path):
                batch = decoder.DecodeBatch(records)
                accumulators = [
                    generator.add_input(accumulator, batch)
                    for generator, accumulator in zip(generators, accumulators, strict=True)
                ]
            digests |= overlap.digests(batch, self.image_feature)
        compact = [
            generator.compact(accumulator)
            for generator, accumulator in zip(generators, accumulators, strict=True)
        ]
        return Gathered(compact, overlap.in_an_array(digests))


def merged(
    parts: Sequence[Gathered], options: tfdv.StatsOptions
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics of several groups of files, as `gathered` gives them.

    Counts and sums are those of a single group; quantiles are within the error of TFDV's
    sketches, and means within that of its rounding.
    """
    generators = stats_impl.get_generators(options, in_memory=True)
    whole = _merged(generators, *(part.accumulators for part in parts))
    return stats_impl.extract_statistics_output(whole, generators)


def _merged(generators: Sequence[Any], *parts: Accumulators) -> Accumulators:
    if len(parts) == 1:
        return parts[0]
    return [
        generator.merge_accumulators(gathered)
        for generator, gathered in zip(generators, zip(*parts, strict=True), strict=True)
    ]


def _binary_features(paths: Sequence[str]) -> list[str]:
    """Names of the bytes features that are not UTF-8 in the first examples there are."""
    for path in paths:
        records = tfrecords.records(path, next_step=NEXT_STEP)
        if sample := list(itertools.islice(records, SAMPLE_RECORDS)):
            with _naming(path):
                batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(sample)
            columns = zip(batch.schema.names, batch.columns, strict=True)
            return [name for name, column in columns if not _is_text(column)]
    return []


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Turns what TFDV says of examples that it cannot use into a failure that names the file."""
    try:
        yield
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise Failure(
            f"{path} holds records that cannot be used: {reason}. "
            "Write tf.Examples in which a feature has one type throughout."
        ) from error


def _is_text(column: pa.Array) -> bool:
    """Whether a column (lists of values) holds no bytes, or only valid UTF-8."""
    if pa.types.is_null(column.type):
        return True
    values = column.flatten()
    if not pa.types.is_large_binary(values.type):
        return True
    try:
        values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True
