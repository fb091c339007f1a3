"""A dataset in ArrayRecord files is batched and predicted as the same one in TFRecords."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

import datasets.digits  # noqa: F401
from components.batch_predictor.sources import batches, runs_of_dataset
from components.trainer.input.function import from_tfds
from components.trainer.input.options import FeedOptions
from failures import Failure

SPLITS = ["train[7:90%]", "test[:5]+train[90%:]"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """By file format, a data_dir with the digits."""
    made = {}
    for file_format in ("tfrecord", "array_record"):
        made[file_format] = tmp_path_factory.mktemp(file_format)
        tfds.builder("digits", data_dir=made[file_format]).download_and_prepare(
            file_format=file_format,
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
        )
    return made


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("strategy", ["memory", "disk", "streaming"])
def test_the_input_function_gives_the_same_batches(folders, split, strategy, tmp_path):
    found = []
    for folder in folders.values():
        options = FeedOptions(strategy=strategy, cache_dir=str(tmp_path))
        fed = from_tfds(
            "digits", split, (8, 8, 1), 64, training=False, data_dir=str(folder), options=options
        )
        batched = list(fed.dataset.as_numpy_iterator())
        found.append([np.concatenate(part) for part in zip(*batched, strict=True)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_batch_predict_reads_the_same_records_and_no_others(folders, split):
    found = {
        file_format: [
            record
            for run in runs_of_dataset("digits", split, str(folder))
            for batch in batches(run)
            for record in batch
        ]
        for file_format, folder in folders.items()
    }
    builder = tfds.builder("digits", data_dir=folders["tfrecord"])
    assert len(found["tfrecord"]) == builder.info.splits[split].num_examples
    assert found["array_record"] == found["tfrecord"]


def test_a_split_that_is_not_there_is_one_line(folders):
    with pytest.raises(Failure, match=r"--split: .* has no split 'tests'.*Did you mean test"):
        runs_of_dataset("digits", "tests", str(folders["array_record"]))


@pytest.mark.slow
def test_a_damaged_file_is_one_line(folders, tmp_path):
    builder = tfds.builder("digits", data_dir=tmp_path)
    builder.download_and_prepare(
        file_format="array_record",
        download_config=tfds.download.DownloadConfig(try_download_gcs=False),
    )
    [file] = builder.info.splits["train"].filepaths
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(Failure, match=r"^/.*array_record.*Prepare the dataset again"):
        from_tfds("digits", "train", (8, 8, 1), 64, training=False, data_dir=str(tmp_path))
