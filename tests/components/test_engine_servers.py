"""Work on shards on a real Flink and on Prism: the results and failures of this process."""

import contextlib
import os
from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks.engines.flink import flink
from components.engine import run_shards
from components.engine_arguments import beam_arguments
from components.engine_job import BeamEngine
from components.statistics_gen import image_statistics
from failures import EngineFailure, Failure
from settings.beam import Beam
from settings.data import Features
from tests.components import shard_work

pytestmark = [pytest.mark.server, pytest.mark.slow]


@contextlib.contextmanager
def on_flink(folder):
    if "FLINK_JARS" not in os.environ:
        pytest.skip("FLINK_JARS is not set: python -m benchmarks.engines.flink fetches them")
    with flink(Path(os.environ["FLINK_JARS"]), folder) as address:
        yield Beam.of(engine="flink", job_service=address, parallelism=2, retries=0)


@contextlib.contextmanager
def on_prism(folder):
    if "PRISM" not in os.environ:
        pytest.skip("PRISM names no program: docs/scale_out.md says how to build it")
    yield Beam.of(engine="prism", prism_binary=os.environ["PRISM"], retries=0)


@pytest.fixture(scope="module", params=[on_flink, on_prism], ids=["Flink", "Prism"])
def engine(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("engine")) as beam:
        yield BeamEngine("Transform", beam_arguments(beam))


def test_results_and_failures_are_those_of_this_process(engine, tmp_path):
    results = run_shards(shard_work.double, range(20), str(tmp_path), engine)
    assert list(results) == list(range(0, 40, 2))
    with pytest.raises(Failure, match=r"^3 is odd\. Take another one\.$"):
        list(run_shards(shard_work.refuse_odd, [2, 3, 4, 5], str(tmp_path), engine))


def test_what_fails_there_is_reported_as_the_engines_in_one_line(engine, tmp_path):
    reports = str(tmp_path / "reports")
    with pytest.raises(EngineFailure, match=r"^the Beam job steadyfeed-transform on .*$"):
        list(run_shards(shard_work.block_the_report, [reports], reports, engine))


def test_statistics_are_those_of_this_process(engine, tmp_path):
    for shard in range(3):
        with tf.io.TFRecordWriter(str(tmp_path / f"shard-{shard}")) as writer:
            for number in range(10 * shard, 10 * shard + 10):
                value = tf.train.Feature(int64_list=tf.train.Int64List(value=[number % 7]))
                features = tf.train.Features(feature={"label": value})
                writer.write(tf.train.Example(features=features).SerializeToString())
    paths = image_statistics.shards(str(tmp_path))
    options = image_statistics.stats_options(paths, Features())
    reports = str(tmp_path / "reports")
    there = image_statistics.gathered([paths], options, None, reports, engine)
    here = image_statistics.split_statistics(paths, options)
    assert image_statistics.merged([*there], options) == here
