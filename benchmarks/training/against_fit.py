"""Images a second of the Trainer's loop and of Keras's `fit`."""

import functools
import statistics
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.training.workloads import Workload
from components.trainer.checkpoints import Checkpoints
from components.trainer.devices import Devices
from components.trainer.input.features import LABEL, Feature
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.trainer.optimizer import build_optimizer
from components.trainer.preparation import prepare
from components.trainer.training_log import TrainingLog
from components.transform.encoding import FixedExample
from settings.training import Training

_BAR = 1.0  # of the images/s of `fit`


def line(workload: Workload, epochs: int, rounds: int, xla: bool) -> tuple[str, bool]:
    """Both in turn, with the median of the rounds' ratios; and whether that holds."""
    examples = workload.images(workload.batch_size * workload.steps_per_epoch)
    with tempfile.TemporaryDirectory() as folder:
        file = _written(workload, *examples, folder)
        ours, theirs = [], []
        for number in range(rounds):
            # Who goes first changes from round to round.
            for which in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                if which is ours:
                    which.append(_trainer(workload, file, epochs, xla))
                else:
                    which.append(_fit(workload, examples, epochs, xla))
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    found = (
        f"{workload.name}, XLA {'on' if xla else 'off'}: Trainer {statistics.median(ours):,.0f} "
        f"images/s, fit {statistics.median(theirs):,.0f}; ratio {ratio:.2f}, bar {_BAR:.2f}"
    )
    return found, ratio >= _BAR


def _written(workload: Workload, images: np.ndarray, targets: np.ndarray, folder: str) -> str:
    """A file of the images as Transform writes them."""
    name = "mask" if workload.segmentation else "label"
    form = FixedExample(
        {"image": images[0].size, name: targets[0].size if workload.segmentation else "int64"}
    )
    file = f"{folder}/data-00000-of-00001"
    with tf.io.TFRecordWriter(file) as writer:
        for image, target in zip(images, targets, strict=True):
            value = target.tobytes() if workload.segmentation else int(target)
            writer.write(form.encode({"image": image.tobytes(), name: value}))
    return file


def _training(workload: Workload, epochs: int) -> Training:
    return Training(batch_size=workload.batch_size, epochs=epochs, schedule="constant")


def _trainer(workload: Workload, file: str, epochs: int, xla: bool) -> float:
    """Images a second after the first epoch."""
    mask = Feature("mask", (*workload.image_shape[:2], 1), "uint8")
    trained = prepare(
        _training(workload, epochs),
        build_model=workload.build,
        training_input=functools.partial(
            input_function,
            [file],
            workload.image_shape,
            workload.batch_size,
            training=True,
            target=mask if workload.segmentation else LABEL,
        ),
        options=FeedOptions(seed=1, strategy="memory"),
        validation=None,
        checkpoints=Checkpoints(None, None, 60.0),
        log=TrainingLog(None),
        devices=Devices(tf.distribute.get_strategy(), xla=xla),
        task=workload.task,
    )
    steps = trained.input.steps_per_epoch
    seconds = [epoch.seconds for epoch in trained.run().history[1:]]
    return steps * workload.batch_size * len(seconds) / sum(seconds)


def _fit(workload: Workload, examples, epochs: int, xla: bool) -> float:
    """Images a second after the first epoch, from tf.data as its guide recommends."""
    images, targets = examples
    batches = tf.data.Dataset.from_tensor_slices((images, targets)).cache().shuffle(len(images))
    batches = batches.batch(workload.batch_size, drop_remainder=True)
    model = workload.build()
    model.compile(
        build_optimizer(_training(workload, epochs), len(batches)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=xla,
    )
    times = _EpochTimes()
    model.fit(batches.prefetch(tf.data.AUTOTUNE), epochs=epochs, verbose=0, callbacks=[times])
    seconds = times.seconds[1:]
    return len(batches) * workload.batch_size * len(seconds) / sum(seconds)


class _EpochTimes(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self._began)
