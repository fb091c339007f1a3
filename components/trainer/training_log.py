"""What a training says: progress while it runs, its epochs for TensorBoard and as JSON."""

import dataclasses
import logging
import os
import time

import tensorflow as tf

from components.trainer.history import HISTORY_FILE, Epoch
from files import writing
from files.strict_json import text_of

# What `tf.summary.scalar` writes; that function itself needs TensorBoard to be installed.
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
    data_class="DATA_CLASS_SCALAR",
)


class TrainingLog:
    """Writes below `folder`: `train/` and `validation/` for TensorBoard, `history.json`.

    Without a folder, as for a worker that is not the chief, it only keeps the epochs.
    """

    def __init__(self, folder: str | None):
        self._folder = folder
        self._writers = {}
        self.epochs: list[Epoch] = []

    def add(self, epoch: Epoch) -> None:
        """Names and folders are those of Keras, so that TensorBoard shows both in one chart."""
        self.epochs.append(epoch)
        self._write(
            "train",
            epoch.epoch,
            epoch_loss=epoch.loss,
            epoch_accuracy=epoch.accuracy,
            learning_rate=epoch.learning_rate,
            epoch_seconds=epoch.seconds,
            fetch_seconds=epoch.fetch_seconds,
        )
        if epoch.validation_loss is not None:
            self._write(
                "validation",
                epoch.epoch,
                epoch_loss=epoch.validation_loss,
                epoch_accuracy=epoch.validation_accuracy,
            )
        if epoch.validation_mean_iou is not None:
            self._write("validation", epoch.epoch, epoch_mean_iou=epoch.validation_mean_iou)
        if epoch.monitored is not None:
            self._write("validation", epoch.epoch, monitored=epoch.monitored)

    def close(self, **outcome) -> None:
        """Writes the history, with `outcome` (JSON values) beside the epochs."""
        if self._folder is None:
            return
        for writer in self._writers.values():
            writer.close()
        history = {**outcome, "epochs": [dataclasses.asdict(epoch) for epoch in self.epochs]}
        content = text_of(history, indent=2, sort_keys=True) + "\n"
        writing.write(os.path.join(self._folder, HISTORY_FILE), content)

    def _write(self, part: str, step: int, **scalars: float) -> None:
        if self._folder is None:
            return
        folder = os.path.join(self._folder, part)
        with writing.reported(folder):
            if part not in self._writers:
                self._writers[part] = tf.summary.create_file_writer(folder)
            with self._writers[part].as_default(step=step):
                for name, value in scalars.items():
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=_SCALAR)
            self._writers[part].flush()


_LOGGER = logging.getLogger("steadyfeed.progress")
_SECONDS_BETWEEN = 0.2
_ACCELERATED_SECONDS_BETWEEN = 2.0  # An accelerator waits while the sums of a message are read.


class Progress:
    """Logs messages to `steadyfeed.progress`; when one is due, the last one is some time ago."""

    def __init__(self, accelerated: bool = False):
        self._next = 0.0
        self._between = _ACCELERATED_SECONDS_BETWEEN if accelerated else _SECONDS_BETWEEN

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def report(self, message: str, completed: float) -> None:
        """Sends a message; `completed` is the finished share of the training, 0 to 1."""
        self._next = time.monotonic() + self._between
        _LOGGER.info(message, extra={"completed": completed})
