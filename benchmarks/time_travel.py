"""kill -9 at random moments of a training that goes on elsewhere each time: does every example
of every epoch come exactly once?

    .venv/bin/python -m benchmarks.time_travel [--kills 50] [--seed 0]

Each part of the training runs with a strategy of its own, as one process with one or two devices
or as two workers. Its examples are classes of their own, so the sums by class that a checkpoint
holds tell how often each example was trained with. Prints "50 of 50".
"""

import argparse
import functools
import itertools
import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np

from components.free_ports import free_ports

EXAMPLES, SIDE, BATCH = 4096, 96, 64  # 113 MB of pixels: four windows of an epoch's order
STEPS = EXAMPLES // BATCH
EVERY = 4  # steps between checkpoints
STRATEGIES = ("memory", "disk", "compressed", "streaming")
PLACES = ((1, 1), (1, 2), (2, 1))  # workers, devices of each
_SEED = 3
_LONGEST = 1.5  # seconds from a part's first checkpoint to the kill
_GIVEN_UP = 300  # seconds without a checkpoint

_processes = multiprocessing.get_context("forkserver")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    _processes.set_forkserver_preload(["tensorflow", "components.trainer.preparation"])
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="time-travel-") as name:
        folder = Path(name)
        write_examples(folder)
        exact, step = 0, 0
        for _ in range(given.kills):
            strategy, place = chance.choice(STRATEGIES), chance.choice(PLACES)
            killed = kill(folder, step, strategy, place, chance.uniform(0, _LONGEST))
            before, (step, faults) = step, examine(folder)
            exact += not faults and killed
            workers, devices = place
            print(
                f"step {before:5} to {step:5}, {strategy:9}, {workers} workers of {devices} "
                f"devices: {faults or ('exact' if killed else 'ended by itself')}",
                flush=True,
            )
        for process in start(folder, "memory", (1, 1), epochs=-(-step // STEPS)):
            process.join()
        step, faults = examine(folder)
        print(f"{step // STEPS} epochs, to the end: {faults or 'exact'}")
    print(f"{exact} of {given.kills}")
    return 0 if exact == given.kills and not faults else 1


def write_examples(folder: Path) -> None:
    """Six files of different sizes, each example's label its own number."""
    import tensorflow as tf

    from components.transform.encoding import FixedExample

    form = FixedExample({"image": SIDE * SIDE * 3, "label": "int64"})
    pixels = np.random.default_rng(0)
    (folder / "examples").mkdir()
    bounds = (np.linspace(0, 1, 7) ** 1.5 * EXAMPLES).astype(int)
    for file, (first, end) in enumerate(itertools.pairwise(bounds)):
        with tf.io.TFRecordWriter(str(folder / "examples" / str(file))) as writer:
            for number in range(first, end):
                image = pixels.bytes(SIDE * SIDE * 3)
                writer.write(form.encode({"image": image, "label": number}))


def kill(folder: Path, step: int, strategy: str, place: tuple[int, int], seconds: float) -> bool:
    """Kills a part of the training `seconds` after its first checkpoint beyond `step`; whether
    all of it still ran by then."""
    workers = start(folder, strategy, place, epochs=10**5)
    deadline = time.monotonic() + _GIVEN_UP
    while all(worker.is_alive() for worker in workers) and checkpoint_step(folder) <= step:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    time.sleep(seconds)
    running = all(worker.is_alive() for worker in workers) and checkpoint_step(folder) > step
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join()
    return running


def start(folder: Path, strategy: str, place: tuple[int, int], epochs: int) -> list:
    from components.trainer.cluster import tf_config

    workers, devices = place
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    environments = [
        {"TF_CONFIG": tf_config(addresses, number)} if workers > 1 else {}
        for number in range(workers)
    ]
    started = [
        _processes.Process(target=train, args=(folder, strategy, devices, epochs, environment))
        for environment in environments
    ]
    for process in started:
        process.start()
    return started


def train(folder: Path, strategy: str, devices: int, epochs: int, environment: dict) -> None:
    """The training, from its checkpoint on, as the process that it is to be."""
    os.environ |= environment
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import keras
    import tensorflow as tf

    from components.trainer.devices import choose
    from components.trainer.input.function import input_function
    from components.trainer.input.options import FeedOptions, Workers
    from components.trainer.preparation import prepare
    from components.trainer.training_log import TrainingLog
    from settings.training import Training

    if devices > 1:
        [cpu] = tf.config.list_physical_devices("CPU")
        one = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(cpu, [one] * devices)
    training = Training(batch_size=BATCH, epochs=epochs, schedule="constant")
    chosen = choose(training, os.environ)
    keras.utils.set_random_seed(_SEED)
    place = chosen.place

    def build_model():
        inputs = keras.Input((SIDE, SIDE, 3))
        outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
        return keras.Model(inputs, keras.layers.Dense(EXAMPLES, dtype="float32")(outputs))

    files = sorted(map(str, (folder / "examples").iterdir()))
    prepare(
        training,
        build_model=build_model,
        training_input=functools.partial(
            input_function, files, (SIDE, SIDE, 3), BATCH, training=True
        ),
        options=FeedOptions(
            seed=_SEED,
            strategy=strategy,
            cache_dir=str(folder / "cache"),
            workers=Workers(place.number, place.workers, place.workers_here),
        ),
        validation=None,
        checkpoints=checkpoints(folder),
        log=TrainingLog(None),
        devices=chosen,
    ).run()


def checkpoints(folder: Path):
    from components.trainer.checkpoints import Checkpoints

    return Checkpoints(str(folder / "checkpoint"), EVERY, 10**6)


def checkpoint_step(folder: Path) -> int:
    found = checkpoints(folder).read()
    return found.step if found else 0


def examine(folder: Path) -> tuple[int, str]:
    """The step of the checkpoint, and what is wrong with how often each example came by then."""
    found = checkpoints(folder).read()
    if found is None:
        return 0, "no checkpoint was written"
    [sums] = [array for array in found.variables if array.shape == (EXAMPLES, 3)]
    times, whole = sums[:, 0], found.step // STEPS
    if times.sum() != found.step * BATCH:
        return found.step, f"{times.sum():.0f} examples came in {found.step} steps"
    wrong = np.count_nonzero((times < whole) | (times > whole + 1))
    return found.step, f"{wrong} examples came too often or too seldom" if wrong else ""


if __name__ == "__main__":
    raise SystemExit(main())
