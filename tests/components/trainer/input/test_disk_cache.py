"""Files are read in place, or from a cache that is built once and is complete or absent."""

import gc
import os
import shutil
import time
from pathlib import Path

import pytest
import tensorflow as tf

from components.trainer.input import disk, order
from components.trainer.input.features import Feature
from components.trainer.input.function import input_function
from components.transform.encoding import FixedExample
from failures import Failure
from tests import processes
from tests.components.trainer.input.conftest import fed
from tests.full_disk import full_disk

SHAPE = (4, 3, 3)


def _made(files, folder, **arguments):
    return fed(
        input_function,
        files,
        SHAPE,
        8,
        strategy="disk",
        cache_dir=str(folder),
        **{"training": False, **arguments},
    )


def _blocks(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.tfrecord"))


@pytest.mark.slow
def test_a_cache_is_built_once(write_shards, tmp_path, numbers):
    files = write_shards(40)
    first = numbers(_made(files, tmp_path).dataset)
    built = [block.stat().st_mtime_ns for block in _blocks(tmp_path)]
    assert numbers(_made(files, tmp_path).dataset) == first
    assert [block.stat().st_mtime_ns for block in _blocks(tmp_path)] == built


def test_a_copy_keeps_weights_that_are_fractions(tmp_path):
    file = str(tmp_path / "weighed")
    with tf.io.TFRecordWriter(file) as writer:
        for number in range(8):
            example = tf.train.Example()
            # Another feature, so that the file cannot be read in place.
            example.features.feature["unused"].int64_list.value.append(number)
            example.features.feature["image"].bytes_list.value.append(bytes([number] * 36))
            example.features.feature["label"].int64_list.value.append(number)
            example.features.feature["weight"].float_list.value.append(number / 4)
            writer.write(example.SerializeToString())
    [(_, labels, weights)] = _made([file], tmp_path / "cache", weight="weight").dataset
    assert _blocks(tmp_path / "cache")
    assert weights.numpy().tolist() == [label / 4 for label in labels.numpy()]


@pytest.mark.slow
def test_other_files_get_their_own_cache(write_shards, tmp_path):
    assert _made(write_shards(40), tmp_path).examples == 40
    assert _made(write_shards(24), tmp_path).examples == 24


def _caches(folder: Path) -> list[Path]:
    return [description.parent for description in folder.glob("*/description.json")]


@pytest.mark.slow
def test_an_outdated_cache_is_removed_once_nothing_reads_it(write_shards, tmp_path):
    files, other = write_shards(40), _made(write_shards(8), tmp_path)
    read = _made(files, tmp_path)
    before = _caches(tmp_path)
    os.utime(files[0], (1, 1))
    _made(files, tmp_path)
    assert set(before) < set(_caches(tmp_path))
    assert sum(len(labels) for _, labels in read.dataset) == 40
    del read
    gc.collect()
    os.utime(files[0], (2, 2))
    newest = _made(files, tmp_path)
    assert len(_caches(tmp_path)) == 2
    assert (newest.examples, other.examples) == (40, 8)


@pytest.mark.slow
def test_a_cache_goes_when_another_folder_has_newer_files_of_its_series(write_shards, tmp_path):
    _made(write_shards(8), tmp_path, series="letters")
    read = _made(write_shards(40), tmp_path, series="digits")
    gc.collect()
    before = set(_caches(tmp_path))
    _made(write_shards(24), tmp_path, series="digits")
    assert before < set(_caches(tmp_path))
    assert sum(len(labels) for _, labels in read.dataset) == 40
    del read
    gc.collect()
    assert _made(write_shards(16), tmp_path, series="digits").examples == 16
    assert len(_caches(tmp_path)) == 2


@pytest.mark.slow
def test_a_cache_unused_for_a_week_and_an_unfinished_build_are_removed(write_shards, tmp_path):
    _made(write_shards(8), tmp_path)
    gc.collect()
    (old,) = _caches(tmp_path)
    os.utime(old / "description.json", (1, time.time() - 8 * 24 * 3600))
    abandoned = [tmp_path / "0123.unfinished", tmp_path / "0124.building"]
    for folder in abandoned:
        folder.mkdir()
    _made(write_shards(40), tmp_path)
    assert not any(folder.exists() for folder in (old, *abandoned))


@pytest.fixture
def no_room(monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


@pytest.mark.slow
@pytest.mark.usefixtures("no_room")
def test_an_existing_cache_is_used_even_if_the_disk_is_full(write_shards, tmp_path):
    files = write_shards(40)
    _made(files, tmp_path)
    arguments = {"training": False, "cache_dir": str(tmp_path), "memory_limit_bytes": 1}
    made = fed(input_function, files, SHAPE, 8, **arguments)
    assert made.strategy == "disk"
    assert "lie decoded on the disk" in made.reason
    assert fed(input_function, write_shards(8), SHAPE, 8, **arguments).strategy == "streaming"


@pytest.mark.slow
@pytest.mark.usefixtures("no_room")
def test_the_remains_of_a_killed_build_are_removed_before_measuring_free_space(
    write_shards, tmp_path
):
    files = write_shards(40)
    _made(files, tmp_path)
    [cache] = _caches(tmp_path)
    unfinished = cache.rename(cache.with_suffix(".unfinished"))
    (unfinished / "description.json").unlink()
    arguments = {"training": False, "cache_dir": str(tmp_path), "memory_limit_bytes": 1}
    assert fed(input_function, files, SHAPE, 8, **arguments).strategy == "streaming"
    assert not unfinished.exists()


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut", "gone", "undescribed"])
def test_a_damaged_cache_is_detected_and_rebuilt(harm, write_shards, tmp_path, numbers):
    files = write_shards(40)
    whole = numbers(_made(files, tmp_path).dataset)
    (block,) = _blocks(tmp_path)
    match harm:
        case "cut":
            os.truncate(block, block.stat().st_size - 1)
        case "gone":
            block.unlink()
        case "undescribed":
            (block.parent / "description.json").write_text("{")
    assert numbers(_made(files, tmp_path).dataset) == whole


@pytest.mark.slow
def test_the_remains_of_a_killed_build_are_never_used(tmp_path, numbers):
    files = [_large_shard(tmp_path)]
    cache = tmp_path / "cache"
    building = processes.start(_build, files, str(cache), log=tmp_path / "log")
    try:
        deadline = time.monotonic() + 60
        while not list(cache.glob("*.unfinished/*.tfrecord")) and time.monotonic() < deadline:
            time.sleep(0.001)
    finally:
        building.kill()
        building.wait()
    assert list(cache.glob("*.unfinished"))
    assert not list(cache.glob("*/description.json"))
    made = fed(
        input_function,
        files,
        (64, 64, 3),
        100,
        training=False,
        strategy="disk",
        cache_dir=str(cache),
    )
    assert made.examples == 3000
    assert sum(len(labels) for _, labels in made.dataset) == 3000
    assert not list(cache.glob("*.unfinished"))


def _build(files, folder):
    fed(input_function, files, (64, 64, 3), 8, training=True, strategy="disk", cache_dir=folder)


def _large_shard(folder: Path) -> str:
    path = str(folder / "large")
    image = tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(64 * 64 * 3)]))
    label = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
    features = tf.train.Features(feature={"image": image, "label": label})
    record = tf.train.Example(features=features).SerializeToString()
    with tf.io.TFRecordWriter(path) as writer:
        for _ in range(3000):
            writer.write(record)
    return path


@pytest.mark.slow
def test_concurrent_processes_share_one_cache(write_shards, tmp_path):
    files = write_shards(40)
    with processes.CONTEXT.Pool(2) as pool:
        found = pool.starmap(_count, [(files, str(tmp_path))] * 4)
    assert found == [40] * 4
    assert len(_blocks(tmp_path)) == 1


def _count(files, folder):
    return sum(len(labels) for _, labels in _made(files, folder).dataset)


def test_an_unwritable_folder_is_reported_in_one_line(write_shards, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"cannot be written: .*Name a folder"):
        _made(write_shards(8), tmp_path / "file" / "cache")


def test_a_full_disk_is_reported_in_one_line(write_shards, tmp_path):
    files = write_shards(400)
    with full_disk(1000), pytest.raises(Failure, match="cannot be written"):
        _made(files, tmp_path)
    assert not list(tmp_path.glob("*.unfinished"))
    assert _made(files, tmp_path).examples == 400


@pytest.fixture
def fixed(tmp_path) -> list[str]:
    """Files of numbered examples as Transform writes them."""
    form = FixedExample({"image": 36, "label": "int64"})
    files = []
    for numbers in (range(25), range(0), range(25, 40)):
        files.append(str(tmp_path / f"fixed-{len(files)}"))
        with tf.io.TFRecordWriter(files[-1]) as writer:
            for number in numbers:
                writer.write(form.encode({"image": bytes([number, 0] * 18), "label": number}))
    return files


def test_transforms_files_are_read_in_place_and_verified_once(fixed, tmp_path, numbers):
    made = _made(fixed, tmp_path / "cache")
    assert numbers(made.dataset) == [list(range(first, first + 8)) for first in range(0, 40, 8)]
    assert not _blocks(tmp_path / "cache")
    [description] = (tmp_path / "cache").glob("*/description.json")
    verified = description.read_bytes()
    read = _made(fixed, tmp_path / "cache")
    assert (read.examples, description.read_bytes()) == (40, verified)


def test_files_read_in_place_need_no_room(fixed, tmp_path, no_room):
    arguments = {"training": False, "cache_dir": str(tmp_path / "cache"), "memory_limit_bytes": 1}
    assert fed(input_function, fixed, SHAPE, 8, **arguments).strategy == "disk"


@pytest.mark.slow
def test_workers_share_an_epoch_though_only_one_has_the_files_on_its_disk(
    fixed, tmp_path, numbers, monkeypatch
):
    seen = []
    for worker in range(2):
        made = _made(
            fixed, tmp_path / f"cache-{worker}", training=True, seed=1, worker=worker, workers=2
        )
        seen += [number for batch in numbers(made.dataset.take(5)) for number in batch]
        monkeypatch.setattr(disk.places, "existing", lambda folder: Path("/proc"))  # another disk
    assert sorted(seen) == list(range(40))


def test_records_that_hold_their_features_in_several_orders_are_not_read_in_place(tmp_path):
    form, mask = FixedExample({"image": 36, "mask": 12}), bytes([2] * 12)
    usual = form.encode({"image": bytes([7] * 36), "mask": mask})
    start = usual.index(b"\n", 2)  # where the first feature begins, of two
    end = start + 2 + usual[start + 1]
    swapped = usual[:start] + usual[end:] + usual[start:end]
    assert tf.train.Example.FromString(swapped) == tf.train.Example.FromString(usual)
    with tf.io.TFRecordWriter(str(tmp_path / "data")) as writer:
        for record in (usual, swapped):
            writer.write(record)

    with pytest.raises(Failure, match="data has records of several forms"):
        _made(
            [str(tmp_path / "data")], tmp_path / "cache", target=Feature("mask", (4, 3, 1), "uint8")
        )


def test_a_file_damaged_before_it_is_read_in_place_is_named(fixed, tmp_path):
    with open(fixed[2], "r+b") as file:
        file.seek(100)
        file.write(b"?")
    with pytest.raises(Failure, match=f"{fixed[2]} is damaged after"):
        _made(fixed, tmp_path / "cache")


@pytest.mark.slow
def test_a_file_cut_while_it_is_read_in_place_is_named(fixed, tmp_path):
    made = _made(fixed, tmp_path / "cache")
    os.truncate(fixed[2], os.path.getsize(fixed[2]) - 1)
    with pytest.raises(tf.errors.OpError) as error:
        list(made.dataset)
    assert f"{fixed[2]} is damaged after 14" in str(made.source.explain(error.value))


@pytest.mark.slow
def test_windows_of_runs_give_each_example_once_in_any_order_and_from_any_step(
    fixed, tmp_path, numbers, monkeypatch
):
    monkeypatch.setattr(order, "_RUN_BYTES", 180)
    monkeypatch.setattr(order, "WINDOW_BYTES", 720)  # 16 of 40 examples, in runs of 4

    def batches(**keys):
        made = _made(fixed, tmp_path / "cache", seed=5, **keys)
        return numbers(made.dataset.take(15))

    shuffled = {"training": True}
    whole = batches(**shuffled)
    epochs = [[n for batch in whole[first : first + 5] for n in batch] for first in (0, 5, 10)]
    assert all(sorted(epoch) == list(range(40)) != epoch for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert whole == batches(**shuffled)
    for step in (1, 2, 4, 5, 8):  # at every place of an epoch
        assert batches(**shuffled, first_step=step)[: 15 - step] == whole[step:]
    shares = [batches(**shuffled, worker=worker, workers=2) for worker in (0, 1)]
    for batch, first, second in zip(whole, *shares, strict=True):
        assert (batch[0::2], batch[1::2]) == (first, second)
