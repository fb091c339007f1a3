"""batch-predict writes what the pushed model's signatures say, whatever ends it midway."""

import gzip
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components import image_files, images_at_once
from components.batch_predictor import sources
from components.batch_predictor.answer import Answer
from components.batch_predictor.images import contents
from components.batch_predictor.job import predict_runs
from components.batch_predictor.pushed_model import PushedModel
from components.examples.picture_files import MOST_BYTES
from failures import Failure
from files import tfrecords
from tests.cli.predictions import CLASSES, example_of, lines_of, records_of, served
from tests.cli.refusing_model import RefusingModel


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "records"])
def test_batch_predict_says_what_the_signature_says(kind, destination, folder, images, tmp_path):
    place = str(folder) if kind == "folder" else records_of(tmp_path, images)
    model = PushedModel(f"{destination}/1")
    tally = predict_runs(model, sources.runs_of(place)[0], str(tmp_path / "out"), lambda _: None)
    assert (tally.records, tally.failed) == (70, 0)
    reported = [line["probabilities"] for line in lines_of(tmp_path / "out")]
    np.testing.assert_allclose(reported, served(destination, images), atol=1e-5)


def test_few_large_images_are_in_memory_at_once(tmp_path):
    for number in range(10):
        with open(tmp_path / f"{number}.jpg", "wb") as file:
            file.truncate(5 << 20)
    [run], _ = sources.runs_of(str(tmp_path))
    assert [len(batch) for batch in sources.batches(run)] == [4, 4, 2]


def test_each_core_answers_a_batch_and_the_answers_stay_in_order(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BATCH", 35)
    monkeypatch.setattr(images_at_once, "usable_cores", lambda: 7)
    together = threading.Barrier(7, timeout=10)

    class Waiting(RefusingModel):
        def answer_images(self, images):
            time.sleep(0.01 * together.wait())
            return super().answer_images(images)

    runs, output = sources.runs_of(str(folder))[0], tmp_path / "out"
    predict_runs(Waiting(), runs, str(output), lambda _: None)
    files = sorted(folder.iterdir())
    expected = [(str(file), repr(file.read_bytes())) for file in files]
    assert [(line["id"], line["error"]) for line in lines_of(output)] == expected


def test_many_files_are_looked_at_together_to_find_the_images(tmp_path, images, monkeypatch):
    for name, content in (("c", images[0]), ("a", b"notes"), ("b", images[1])):
        (tmp_path / name).write_bytes(content)
    together = threading.Barrier(3, timeout=10)

    def kind(head, kind_of=image_files.kind_of):
        together.wait()
        return kind_of(head)

    monkeypatch.setattr("components.batch_predictor.images.kind_of", kind)
    [run], said = sources.runs_of(str(tmp_path))
    assert run.names == (str(tmp_path / "b"), str(tmp_path / "c"))
    assert said.startswith("1 files are not")
    assert said.endswith(": a")


def written(pipe, seconds):
    """Whether a reader has opened a pipe within so many seconds; it then gets the pipe's name."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            opened = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # Nobody reads.
            time.sleep(0.01)
            continue
        os.write(opened, pipe.name.encode())
        os.close(opened)
        return True
    return False


def test_a_file_that_comes_late_does_not_keep_others_from_being_read(tmp_path):
    pipes = [tmp_path / str(number) for number in range(3)]
    for pipe in pipes:
        os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(list, contents(map(str, pipes), 3))
        in_time = [written(pipe, 1) for pipe in reversed(pipes)]
        if not all(in_time):
            for pipe in pipes[1:]:
                written(pipe, 1)
    assert in_time == [True, True, True]
    assert read.result() == [[b"0", b"1", b"2"]]


def test_an_image_above_the_limit_is_reported_and_the_others_are_predicted(
    destination, folder, tmp_path
):
    with open(folder / "001.png", "wb") as file:
        file.truncate(MOST_BYTES + 1)
    runs, output = sources.runs_of(str(folder))[0], tmp_path / "out"
    tally = predict_runs(PushedModel(f"{destination}/1"), runs, str(output), lambda _: None)
    assert (tally.records, tally.failed) == (70, 1)
    assert lines_of(output)[1]["error"] == "it cannot be read: the file is above 256 MiB"


def test_a_record_that_is_not_an_example_is_reported_and_the_others_are_predicted(
    destination, images, tmp_path
):
    path = str(tmp_path / "data.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for record in (b"\x89PNG no Example", example_of(images[0]), example_of(b"no image")):
            writer.write(record)
    output = tmp_path / "out"
    model = PushedModel(f"{destination}/1")
    tally = predict_runs(model, sources.runs_of(path)[0], str(output), lambda _: None)
    assert (tally.records, tally.failed) == (3, 2)
    first, second, third = lines_of(output)
    assert first["error"] == "it is not a tf.train.Example"
    assert second["label"] in CLASSES
    assert third["error"]


def test_a_killed_job_goes_on_and_counts_every_record(destination, images, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PART", 20)
    monkeypatch.setattr(sources, "BATCH", 10)
    monkeypatch.setattr(images_at_once, "usable_cores", lambda: 2)
    runs = sources.runs_of(records_of(tmp_path, images))[0]
    model, output = PushedModel(f"{destination}/1"), tmp_path / "out"

    def die(_, seen=[]):  # noqa: B006
        seen.append(1)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_runs(model, runs, str(output), die)
    first = {file.name: file.stat().st_ino for file in output.glob("predictions-*.jsonl")}
    assert list(first) == ["predictions-00000-of-00004.jsonl"]
    assert predict_runs(model, runs, str(output), lambda _: None).records == 70
    assert [line["id"] for line in lines_of(output)] == list(range(70))
    assert (output / next(iter(first))).stat().st_ino == first[next(iter(first))]


@pytest.mark.slow
def test_an_end_midway_waits_for_no_batch_that_has_not_begun(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BATCH", 10)
    monkeypatch.setattr(images_at_once, "usable_cores", lambda: 2)
    begun = []

    class Slow(RefusingModel):
        def answer_images(self, images):
            begun.append(1)
            if len(begun) > 1:
                time.sleep(0.8)
            return super().answer_images(images)

    def die(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_runs(Slow(), sources.runs_of(str(folder))[0], str(tmp_path / "out"), die)
    # The finished one and one for each thread, and of a slow test another.
    assert len(begun) < 5


def test_another_job_or_a_cut_file_is_refused(destination, folder, images, tmp_path):
    model, output = PushedModel(f"{destination}/1"), str(tmp_path / "out")
    records = records_of(tmp_path, images)
    predict_runs(model, sources.runs_of(records)[0], output, lambda _: None)
    with pytest.raises(Failure, match="another model or other data"):
        predict_runs(model, sources.runs_of(str(folder))[0], output, lambda _: None)
    Path(records).write_bytes(Path(records).read_bytes()[:-3])
    with pytest.raises(Failure, match="the file ends within it"):
        sources.runs_of(records)[0]


def test_another_model_at_the_same_path_is_another_job(destination, folder, tmp_path):
    shutil.copytree(f"{destination}/1", tmp_path / "model")

    def predicted():
        model, runs = PushedModel(str(tmp_path / "model")), sources.runs_of(str(folder))[0]
        return predict_runs(model, runs, str(tmp_path / "out"), lambda _: None)

    assert predicted() == predicted()
    labels = tmp_path / "model" / "assets" / "labels"
    labels.write_text(labels.read_text().replace("ant", "asp"))
    with pytest.raises(Failure, match="another model or other data"):
        predicted()


def test_a_job_with_a_model_in_a_bucket_goes_on_from_any_working_folder(
    folder, tmp_path, monkeypatch
):
    class InBucket(RefusingModel):
        path = "s3://models/digits/3"

    def predicted():
        runs, _ = sources.runs_of(str(folder))
        return predict_runs(InBucket(), runs, str(tmp_path / "out"), lambda _: None)

    first = predicted()
    monkeypatch.chdir(tmp_path)
    assert predicted() == first


def swapped(folder):
    (folder / "000.png").rename(folder / "other")
    (folder / "001.png").rename(folder / "000.png")
    (folder / "other").rename(folder / "001.png")


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("new.csv", lambda folder: (folder / "new.csv").write_text("path\n001.png\n000.png\n")),
        ("new.csv", lambda folder: (folder / "new.csv").write_text("path\n000.png\n002.png\n")),
        ("", swapped),
        ("", lambda folder: (folder / "001.png").rename(folder / "0011.png")),
    ],
    ids=["rows reordered", "a row corrected", "files swapped", "a file renamed"],
)
def test_other_images_are_another_job_though_no_file_is_newer(folder, tmp_path, place, change):
    (folder / "000.png").write_bytes(b"\x89PNG\r\n\x1a\n of another size")
    (folder / "new.csv").write_text("path\n000.png\n001.png\n")

    def predicted():
        runs, _ = sources.runs_of(str(folder / place))
        return predict_runs(RefusingModel(), runs, str(tmp_path / "out"), lambda _: None)

    assert predicted() == predicted()
    change(folder)
    with pytest.raises(Failure, match="another model or other data"):
        predicted()


def test_a_job_that_was_killed_at_its_first_file_goes_on(destination, images, tmp_path):
    runs, output = sources.runs_of(records_of(tmp_path, images))[0], tmp_path / "out"
    output.mkdir()
    (output / "job.json.unfinished").write_text('{"model"')
    model = PushedModel(f"{destination}/1")
    assert predict_runs(model, runs, str(output), lambda _: None).records == 70
    assert not list(output.glob("*.unfinished"))


def test_two_jobs_at_once_do_not_write_into_one_folder(destination, images, tmp_path):
    runs, output = sources.runs_of(records_of(tmp_path, images))[0], str(tmp_path / "out")
    model = PushedModel(f"{destination}/1")

    def begin_another(_):
        with pytest.raises(Failure, match=r"out is being written by process \d+ on "):
            predict_runs(model, runs, output, lambda _: None)

    assert predict_runs(model, runs, output, begin_another).records == 70
    assert [line["id"] for line in lines_of(output)] == list(range(70))


@pytest.mark.parametrize("begun", [False, True])
def test_an_input_that_goes_away_is_named(destination, images, tmp_path, begun):
    records_of(tmp_path, images, "a.tfrecord")
    records = records_of(tmp_path, images, "data.tfrecord")
    runs, model = sources.runs_of(str(tmp_path))[0], PushedModel(f"{destination}/1")

    def remove(_=None):
        Path(records).unlink(missing_ok=True)

    if not begun:
        remove()
    with pytest.raises(Failure, match=r"data\.tfrecord.*No such file"):
        predict_runs(model, runs, str(tmp_path / "out"), remove)


class Curt(RefusingModel):
    def answer_examples(self, examples):
        return [Answer(error=example[:4].hex()) for example in examples]


def bytes_read() -> int:
    """By this process so far, as the kernel counts them."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_of_many_parts_is_read_once(suffix, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PART", 20)
    data = [np.random.default_rng(number).bytes(4096) for number in range(600)]
    content = b"".join(map(tfrecords.frame, data))
    path, output = tmp_path / f"large.tfrecord{suffix}", tmp_path / "out"
    path.write_bytes(gzip.compress(content) if suffix else content)
    runs, _ = sources.runs_of(str(path))
    assert len(runs) == 30

    before = bytes_read()
    predict_runs(Curt(), runs, str(output), lambda _: None)
    assert bytes_read() - before < 1.5 * path.stat().st_size
    assert [line["error"] for line in lines_of(output)] == [one[:4].hex() for one in data]

    for name in ("00003", "00004", "00007"):
        (output / f"predictions-{name}-of-00030.jsonl").unlink()
    predict_runs(Curt(), runs, str(output), lambda _: None)
    assert [line["error"] for line in lines_of(output)] == [one[:4].hex() for one in data]


def test_a_folder_of_other_files_is_refused_and_left_as_it_was(destination, images, tmp_path):
    output = tmp_path / "mine"
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    runs, _ = sources.runs_of(records_of(tmp_path, images))

    with pytest.raises(Failure, match="holds other files"):
        predict_runs(PushedModel(f"{destination}/1"), runs, str(output), lambda _: None)
    assert [file.name for file in output.iterdir()] == ["notes.txt"]
