"""A tf.data service gives the batches of streaming, and what it promises outlives its processes."""

import contextlib
import itertools
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from components.free_ports import free_ports
from components.trainer.checkpoints import Checkpoints
from components.trainer.input import order
from components.trainer.input.data_service import Dealt, in_time
from components.trainer.input.function import input_function
from components.trainer.input.options import DataService, FeedOptions
from failures import Failure
from pipeline.data_service import answers, serve_worker
from tests import processes
from tests.components.trainer.input.conftest import SHAPE

BATCH, EXAMPLES = 20, 600
STEPS = EXAMPLES // BATCH


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A function (role, words) that starts a process of the service."""
    folder, started = tmp_path_factory.mktemp("service"), []

    def start(role, *words):
        log = folder / f"{len(started)}-{role}.log"
        process = processes.start_pipeline("data-service", role, *words, log=log)
        started.append(process)
        processes.wait_for(
            lambda: log.exists() and f"{role} at " in log.read_text(), 120, [process]
        )
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def start_service(start, tmp_path_factory):
    """A function that starts a dispatcher and two workers: `address`, `start_dispatcher()`, and
    the processes."""

    def started():
        [port] = free_ports(1)
        state = str(tmp_path_factory.mktemp("state"))

        def start_dispatcher():
            return start("dispatcher", "--port", str(port), "--work-dir", state)

        def start_worker():
            return start("worker", "--dispatcher", f"localhost:{port}", "--host", "localhost")

        return SimpleNamespace(
            address=f"grpc://localhost:{port}",
            start_dispatcher=start_dispatcher,
            dispatcher=start_dispatcher(),
            workers=[start_worker(), start_worker()],
        )

    return started


@pytest.fixture(scope="module")
def service(start_service):
    """One of which no process is ended."""
    return start_service()


@pytest.fixture
def batches_of(write_shards, monkeypatch):
    """A function (address or None, options) -> a dataset of batches, two to a window."""
    monkeypatch.setattr(order, "WINDOW_BYTES", 44 * 2 * BATCH)  # two batches of these examples
    files = write_shards(EXAMPLES)

    def make(address, **keys):
        service = DataService(address, 60.0) if address else None
        options = FeedOptions(seed=3, strategy="streaming", service=service, **keys)
        return input_function(files, SHAPE, BATCH, training=True, options=options).dataset

    return make


def taken(dataset):
    """The numbers of the examples of each batch, as a training takes them: in time, or it fails."""
    for _, labels in in_time(dataset, DataService("the test's address", 60.0)):
        yield tuple(labels.numpy().tolist())


@pytest.mark.slow
def test_two_workers_give_the_batches_of_streaming_each_once_an_epoch(service, batches_of):
    expected = list(taken(batches_of(None).take(4 * STEPS)))
    found = list(taken(batches_of(service.address, repeat=False)))
    assert sorted(found) == sorted(expected[:STEPS])
    resumed = list(taken(batches_of(service.address, first_step=STEPS - 4, repeat=False)))
    assert sorted(resumed) == sorted(expected[STEPS - 4 : STEPS])
    endless = list(taken(batches_of(service.address).take(2 * STEPS)))
    assert len(set(endless)) == 2 * STEPS
    assert set(endless) <= set(expected)


@pytest.mark.slow
def test_the_order_of_an_epoch_is_drawn_once_for_all_its_windows():
    many = order.Order((1_500_000,), 75_000, 256, shuffle=True, seed=1, drop_remainder=True)

    def seconds(windows):
        began = time.process_time()
        plans = Dealt(many, repeat=False, first=0, last=windows).plans()
        assert sum(1 for _ in plans) == windows
        return time.process_time() - began

    many.runs(tf.constant(0, tf.int64))  # It finds where the runs are once for all epochs.
    began = time.process_time()
    many.runs(tf.constant(1, tf.int64))
    once = time.process_time() - began
    assert seconds(101) - seconds(1) < 30 * once


@pytest.mark.slow
def test_encoded_images_are_decoded_there(service, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (20, *SHAPE), np.uint8)
    with tf.io.TFRecordWriter(str(tmp_path / "shard")) as writer:
        for number, image in enumerate(pixels):
            png = tf.io.encode_png(image).numpy()
            features = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    options = FeedOptions(seed=3, service=DataService(service.address, 60.0), repeat=False)
    files = [str(tmp_path / "shard")]
    made = input_function(files, SHAPE, 5, training=True, encoded=True, options=options)
    found = {
        int(n): image for images, ns in made.dataset for image, n in zip(images, ns, strict=True)
    }
    assert sorted(found) == list(range(20))
    for number, image in found.items():
        np.testing.assert_array_equal(image, pixels[number])


@pytest.mark.slow
def test_a_restarted_dispatcher_loses_nothing_and_a_killed_worker_what_it_had(
    start_service, batches_of
):
    service = start_service()
    expected = list(taken(batches_of(None).take(6 * STEPS)))
    found, reader = [], taken(batches_of(service.address, repeat=False))
    found += [next(reader) for _ in range(3)]
    service.dispatcher.kill()
    service.dispatcher.wait()
    service.start_dispatcher()
    found += reader
    assert sorted(found) == sorted(expected[:STEPS])

    endless = in_time(taken(batches_of(service.address)), DataService(service.address, 60.0))
    found = [next(endless) for _ in range(3)]
    service.workers[0].kill()
    found += [next(endless) for _ in range(3 * STEPS)]
    assert len(found) == len(set(found))
    assert set(found) <= set(expected)


def states(pid):
    """The state of each thread of a process, as proc(5) has it."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        yield stat.read_text().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def hanging(hung):
    """Stops processes, so that they keep their connections and answer nothing."""
    for process in hung:
        os.kill(process.pid, signal.SIGSTOP)
        # On a busy machine, its threads go on for a while.
        while set(states(process.pid)) != {"T"}:
            time.sleep(0.001)
    try:
        yield
    finally:
        for process in hung:
            os.kill(process.pid, signal.SIGCONT)


@pytest.mark.slow
def test_what_hangs_ends_the_training_in_the_configured_time(service, batches_of):
    address = service.address.removeprefix("grpc://")
    for hung in ([service.dispatcher], service.workers):
        reader = taken(batches_of(service.address))
        next(reader)
        with hanging(hung):
            assert answers(address, 1.0) == (hung == service.workers)
            impatient = in_time(reader, DataService(service.address, 0.5))
            with pytest.raises(Failure, match=r"^No batch came from .* within 0\.5 seconds\."):
                list(itertools.islice(impatient, 100 * STEPS))
    assert answers(address, 30.0)


@pytest.mark.slow
def test_a_training_goes_on_from_its_checkpoint_once_what_hung_is_mended(
    service, train_digits, tmp_path
):
    class HangsAfter(Checkpoints):
        """Once there is a checkpoint, the workers of the service hang."""

        def write(self, checkpoint):
            super().write(checkpoint)
            until_mended.enter_context(hanging(service.workers))
            waiting.timeout_seconds = 0.5

    waiting = SimpleNamespace(address=service.address, timeout_seconds=60.0)
    keys = {"epochs": 6, "strategy": "streaming", "service": waiting}
    folder = str(tmp_path / "checkpoint")
    with (
        contextlib.ExitStack() as until_mended,
        pytest.raises(Failure, match=r"within 0\.5 seconds"),
    ):
        train_digits(HangsAfter(folder, 20, 1e9), tmp_path / "log", **keys)
    waiting.timeout_seconds = 60.0
    resumed = train_digits(Checkpoints(folder, None, 1e9), tmp_path / "log", **keys)
    assert resumed.resumed_at_step >= 20
    assert len(resumed.history) == 6


def test_batches_that_come_in_time_are_passed_on_to_their_end():
    assert list(in_time(range(5), DataService("grpc://here:1", 60.0))) == [0, 1, 2, 3, 4]


def test_an_error_in_reading_is_passed_on():
    def broken():
        yield 1
        raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"):
        list(in_time(broken(), DataService("grpc://here:1", 60.0)))


def test_the_first_batch_too_has_to_come_in_time():
    def hanging():
        threading.Event().wait(30)
        yield 1

    with pytest.raises(Failure, match=r"data service at grpc://here:1 within 0\.1 seconds"):
        list(in_time(hanging(), DataService("grpc://here:1", 0.1)))


@pytest.mark.parametrize("keys", [{"balanced": True}, {"deterministic": True}])
def test_what_needs_an_order_is_refused(write_shards, keys):
    options = FeedOptions(seed=1, service=DataService("grpc://here:1"), **keys)
    with pytest.raises(Failure, match="gives its batches in any order"):
        input_function(write_shards(10), SHAPE, 5, training=True, options=options)


def test_a_worker_under_a_name_that_no_host_has_is_refused():
    dispatcher = tf.data.experimental.service.DispatchServer()
    address = dispatcher.target.removeprefix("grpc://")
    with pytest.raises(Failure, match=r"^data-service worker: trainings cannot reach it at nowher"):
        serve_worker(address, "nowhere.invalid", 0, print)
