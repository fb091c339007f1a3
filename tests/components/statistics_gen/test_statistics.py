"""StatisticsGen's results: against the data, against TFDV's own, whatever the sharding."""

import itertools
import logging
import pathlib
import pickle
import tempfile

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

from components.statistics_gen import image_statistics, statistics_files
from failures import Failure
from settings.data import Features

MASKS = {"mask_feature": "mask", "mask_classes": {"background": 0, "pet": 1}}


@pytest.fixture
def records(pngs, make_record):
    """50 examples with an image, a label and features of every other type."""
    return [
        make_record(
            image=pngs[index % 10],
            label=index % 4,
            weight=index / 7,
            count=[index, index + 1] if index % 3 else index,
            name=f"file {index}é".encode(),
            kind=[b"cat", b"dog", b"cow"][index % 3],
        )
        for index in range(50)
    ]


def by_name(artifact, split):
    return statistics_files.features(statistics_files.read(artifact)[split])


def rounded(feature):
    """The feature without the last digits of its moments: they tell how batches were merged."""
    if feature.HasField("num_stats"):
        feature.num_stats.mean = round(feature.num_stats.mean, 9)
        feature.num_stats.std_dev = round(feature.num_stats.std_dev, 9)
    return feature


@pytest.mark.slow
def test_processes_on_many_cores_gather_the_same(
    make_examples, records, cores, started_works, monkeypatch
):
    examples = make_examples(train=[records[:7], records[7:30], records[30:]])
    paths = image_statistics.shards(f"{examples.uri}/Split-train")
    options = image_statistics.stats_options(paths, Features())
    here = image_statistics.split_statistics(paths, options)
    cores(2)
    monkeypatch.setattr(image_statistics, "_MUCH", 1)
    assert image_statistics.split_statistics(paths, options) == here
    assert len(started_works) == 2


def test_statistics_gathered_in_parts_are_those_of_the_whole(make_examples, records):
    examples = make_examples(train=[records[:7], records[7:30], records[30:]])
    paths = image_statistics.shards(f"{examples.uri}/Split-train")
    options = image_statistics.stats_options(paths, Features())
    groups = image_statistics.gathered([[path] for path in paths], options)
    parts = [pickle.dumps(part) for part in groups]
    merged = image_statistics.merged([pickle.loads(part) for part in parts], options)
    whole = image_statistics.split_statistics(paths, options)

    assert statistics_files.num_examples(merged) == 50
    of_parts, of_whole = statistics_files.features(merged), statistics_files.features(whole)
    assert of_parts.keys() == of_whole.keys()
    for name, feature in of_whole.items():
        assert rounded(of_parts[name]) == rounded(feature)


def stock_statistics(examples, tmp_path, schema):
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path / "stock")
    context = base_beam_executor.BaseBeamExecutor.Context(
        make_beam_pipeline_fn=lambda: beam.Pipeline(runner="FnApiRunner"), tmp_dir=str(tmp_path)
    )
    options = tfdv.StatsOptions(schema=schema).to_json()
    tfx_executor.Executor(context).Do(
        {"examples": [examples]}, {"statistics": [statistics]}, {"stats_options_json": options}
    )
    return statistics


def test_statistics_are_where_tfx_and_tfdv_look_for_them(records, make_examples, compute):
    statistics = compute(make_examples(train=[records], test=[records[:7], records[7:9]]))

    path = f"{statistics.uri}/Split-train/FeatureStats.pb"
    assert tfdv.load_stats_binary(path).datasets[0].num_examples == 50
    read = stats_artifact_utils.load_statistics(statistics, "test").proto()
    assert read.datasets[0].num_examples == 9
    assert statistics.split_names == '["train", "test"]'
    summary = statistics.get_string_custom_property("summary")
    assert summary.startswith("59 examples: train 50, test 9; warning: train and test share 9 ")


@pytest.mark.slow
def test_features_other_than_images_have_tfdvs_own_statistics(
    records, make_examples, compute, tmp_path
):
    examples = make_examples(train=[records[:11], records[11:]])
    schema = schema_pb2.Schema()
    schema.feature.add(name="label", type=schema_pb2.INT).int_domain.is_categorical = True
    stock = stock_statistics(examples, tmp_path, schema)

    ours, theirs = by_name(compute(examples), "train"), by_name(stock, "train")
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"image"}:
        assert rounded(ours[name]) == rounded(theirs[name]), name


def test_images_are_measured_in_bytes_and_nothing_else(records, pngs, make_examples, compute):
    image = by_name(compute(make_examples(train=[records])), "train")["image"]

    assert image.type == statistics_pb2.FeatureNameStatistics.BYTES
    assert image.WhichOneof("stats") == "bytes_stats"
    sizes = [len(png) for png in pngs]
    assert image.bytes_stats.min_num_bytes == min(sizes)
    assert image.bytes_stats.max_num_bytes_int == max(sizes)
    assert image.bytes_stats.avg_num_bytes == pytest.approx(sum(sizes) / len(sizes))
    assert not image.bytes_stats.unique


def test_a_feature_that_is_no_text_is_measured_like_an_image(
    pngs, make_record, make_examples, compute
):
    records = [make_record(image=pngs[0], mask=pngs[1], name="é".encode(), label=1)] * 3
    features = by_name(compute(make_examples(train=[records])), "train")

    assert features["mask"].type == statistics_pb2.FeatureNameStatistics.BYTES
    assert features["name"].string_stats.unique == 1


@pytest.mark.parametrize("labels", [[7, 3, 3], [b"dog", b"cat", b"cat"]])
def test_labels_are_counted_by_class(labels, pngs, make_record, make_examples, compute):
    records = [make_record(image=pngs[0], label=label) for label in labels]
    features = by_name(compute(make_examples(train=[records])), "train")

    first, second = (str(x) if isinstance(x, int) else x.decode() for x in labels[:2])
    assert statistics_files.class_counts(features["label"]) == {first: 1, second: 2}


def test_the_classes_of_imagenet_are_counted_exactly_and_too_many_are_not_counted(
    pngs, make_record, make_examples, compute
):
    def labelled(classes):  # of several labels: records of one each would take seconds
        labels = list(range(classes))
        return [make_record(image=pngs[0], label=some) for some in (labels, labels[:100])]

    examples = make_examples(train=[labelled(21_841)], test=[labelled(30_001)])
    statistics = compute(examples)

    counts = statistics_files.class_counts(by_name(statistics, "train")["label"])
    assert counts == {str(number): 1 + (number < 100) for number in range(21_841)}
    assert statistics_files.class_counts(by_name(statistics, "test")["label"]) is None


def test_the_names_of_images_and_label_are_free(pngs, make_record, make_examples, compute):
    records = [make_record(left=pngs[0], right=pngs[1], digit=4)]
    statistics = compute(
        make_examples(train=[records]), image_feature="left", label_feature="digit"
    )

    features = by_name(statistics, "train")
    assert features["left"].bytes_stats.max_num_bytes_int == len(pngs[0])
    assert features["right"].bytes_stats.max_num_bytes_int == len(pngs[1])
    assert statistics_files.class_counts(features["digit"]) == {"4": 1}


def test_an_empty_split_has_statistics_of_no_examples(records, make_examples, compute):
    statistics = compute(make_examples(train=[records], test=[[]]))

    assert statistics_files.num_examples(statistics_files.read(statistics)["test"]) == 0
    assert len(statistics_files.read(statistics)["test"].datasets) == 1


def test_gzipped_shards_are_read_too(records, make_examples, compute):
    statistics = compute(make_examples(suffix=".gz", train=[records]))

    assert statistics_files.num_examples(statistics_files.read(statistics)["train"]) == 50


def test_images_that_two_splits_share_are_counted_by_their_bytes(
    pngs, make_record, make_examples, compute
):
    def of(*images):
        return [make_record(image=pngs[image], label=image) for image in images]

    twice = [*of(0, 1, 2, 2), make_record(label=1)]
    statistics = compute(
        make_examples(train=[twice, of(3, 4)], validation=[of(5)], test=[of(4, 2)])
    )

    assert statistics_files.read_overlap(statistics) == [("train", "test", 2, [])]
    summary = statistics.get_string_custom_property("summary")
    assert summary.endswith("test 2; warning: train and test share 2 images")


def test_images_that_two_splits_share_have_the_names_that_the_source_gives(
    pngs, make_record, make_examples, compute
):
    record = make_record(image=pngs[0], label=0)
    examples = make_examples(train=[[record]], test=[[record]])
    examples.set_string_custom_property("shared", '[["train", "test", ["a.png as b.png"]]]')

    summary = compute(examples).get_string_custom_property("summary")
    assert summary.endswith("warning: train and test share 1 image (a.png as b.png)")


def test_a_shard_that_is_missing_is_noticed_by_the_number_of_examples(
    records, make_examples, compute
):
    examples = make_examples(train=[records[:20], records[20:]])
    examples.set_string_custom_property("counts", '{"train": 50}')
    pathlib.Path(examples.uri, "Split-train", "data_tfrecord-00001-of-00002").unlink()

    with pytest.raises(Failure, match=r"^StatisticsGen: .* wrote 50 .* 'train', and 20 were read"):
        compute(examples)


class EngineHere:
    """An engine that works in this process; notes the shards of each job."""

    name, retries = "the engine here", 0

    def __init__(self):
        self.jobs = []

    def do(self, work, shards):
        self.jobs.append([path for _, path in shards])
        for shard in shards:
            work(shard)


def test_an_engine_gets_one_job_in_which_each_shard_is_read_once(
    records, make_examples, compute, monkeypatch
):
    examples = make_examples(train=[records[:20], records[20:40]], test=[records[40:], records[:5]])
    made = compute(examples)
    here = statistics_files.read(made), statistics_files.read_overlap(made)
    engine = EngineHere()
    monkeypatch.setattr("components.engine.engine_of", lambda *_: engine)

    made = compute(examples)
    assert (statistics_files.read(made), statistics_files.read_overlap(made)) == here
    [job] = engine.jobs
    assert len(set(job)) == len(job) == 4
    assert not pathlib.Path(made.uri, "shards").exists()


@pytest.mark.slow
def test_another_beam_runner_gives_the_same_statistics(records, make_examples, compute):
    examples = make_examples(train=[records[:20], records[20:]])
    here = by_name(compute(examples), "train")
    there = by_name(
        compute(examples, ["--runner=FnApiRunner", "--direct_running_mode=multi_threading"]),
        "train",
    )

    assert here.keys() == there.keys()
    for name in here:
        assert rounded(here[name]) == rounded(there[name]), name


def test_images_give_no_warnings(records, make_examples, compute, caplog):
    with caplog.at_level(logging.WARNING):
        compute(make_examples(train=[records]))

    assert not [record for record in caplog.records if record.name != "tensorflow"]


@settings(max_examples=20, deadline=None)
@given(
    labels=st.lists(st.integers(-5, 5), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
)
def test_statistics_do_not_depend_on_how_examples_are_sharded(labels, cuts):
    records = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "image": tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[b"\x89PNG" + bytes(label + 5)])
                    ),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
            )
        ).SerializeToString()
        for label in labels
    ]
    bounds = sorted({0, len(records), *(min(cut, len(records)) for cut in cuts)})
    with tempfile.TemporaryDirectory() as folder:
        whole = write(folder, "whole", records)
        parts = [
            write(folder, f"part {first}", records[first:last])
            for first, last in itertools.pairwise(bounds)
        ]
        options = image_statistics.stats_options(parts, Features())
        expected = image_statistics.split_statistics([whole], options)
        sharded = image_statistics.split_statistics(parts, options)

    assert statistics_files.num_examples(sharded) == len(labels)
    ours, theirs = map(statistics_files.features, (sharded, expected))
    assert ours["label"] == theirs["label"]
    assert ours["image"].bytes_stats.max_num_bytes_int == 9 + max(labels)
    assert ours["image"].bytes_stats.min_num_bytes == 9 + min(labels)


def write(folder, name, records):
    path = str(pathlib.Path(folder, name))
    with tf.io.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    return path


def test_masks_are_measured_as_images_and_need_no_label(pngs, make_record, make_examples, compute):
    records = [make_record(image=png, mask=png) for png in pngs]
    statistics = compute(
        make_examples(train=[records]),
        mask_feature="mask",
        mask_classes={"background": 0, "pet": 1},
    )

    found = by_name(statistics, "train")
    assert set(found) == {"image", "mask"}
    assert found["mask"].bytes_stats.max_num_bytes == max(map(len, pngs))
    assert not found["mask"].HasField("string_stats")
