"""Where and how a training computes: devices, workers, precision, XLA.

One worker with one device uses TensorFlow's default strategy. Several visible GPUs (or logical CPU
devices) of one process mirror the model. TF_CONFIG names several workers: each runs this Trainer on
the same inputs and parameters, with a `checkpoint_dir` that all of them see, and worker 0 writes
the artifacts.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Mapping

import keras
import tensorflow as tf

from components.trainer.cluster import Place, WorkerLost, place
from components.trainer.workers import LOST, await_peers
from failures import Failure
from settings.training import Training

_ALONE = Place(0, [])
_progress = logging.getLogger("steadyfeed.progress")
PLAIN = "1 CPU, float32"
# A step of under a millisecond ends before a thread gets a core back; four batches bridge that.
BATCHES_ON_DEVICE = 4


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a training runs on."""

    strategy: tf.distribute.Strategy  # TensorFlow's default one for a single device
    precision: str = "float32"  # or "mixed_float16", "mixed_bfloat16"
    xla: bool = False  # whether the step is compiled with XLA
    prefetch_to: str | None = None  # the device that batches are copied to ahead of time
    place: Place = _ALONE  # of this process among those that train together

    @property
    def workers(self) -> int:
        """How many processes train together."""
        return self.place.workers

    @property
    def is_plain(self) -> bool:
        """Whether the trained model is an ordinary one in float32."""
        return self.precision == "float32" and self.strategy is _default()

    @contextlib.contextmanager
    def policy(self) -> Iterator[None]:
        """Layers made in this context compute in `precision`."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)

    @property
    def accelerated(self) -> bool:
        """Whether the steps leave the processor to the input."""
        return bool(tf.config.list_physical_devices("GPU"))

    def __str__(self) -> str:
        replicas = self.strategy.num_replicas_in_sync
        kind = "GPU" if self.accelerated else "CPU"
        words = [f"{replicas} {kind}{'s' * (replicas > 1)}", self.precision]
        if self.workers > 1:
            words.insert(1, f"{self.workers} workers")
        return ", ".join(words + ["XLA"] * self.xla)


def prepare(seed: int, deterministic: bool) -> None:
    """Seeds weights and everything random in a model, and sets aside the user's keras.json.

    Args:
      deterministic: whether every operation must give the same bits in every run.
    """
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def choose(training: Training, environment: Mapping[str, str]) -> Devices:
    """The devices that this process sees, used as the section says.

    From now on TensorFlow takes a GPU's memory as it needs it, instead of all at once.

    Raises:
      Failure: TF_CONFIG cannot be used, or one of its workers did not come.
    """
    gpus = tf.config.list_physical_devices("GPU")
    _let_memory_grow(gpus)
    here = place(environment)
    if here.workers > 1:
        await_peers(here.addresses, here.number, training.worker_wait_seconds)
    strategy = _multi_worker() if here.workers > 1 else _local(gpus)
    alone = strategy.num_replicas_in_sync == 1 and here.workers == 1
    wanted_xla = training.xla == "on" or (
        # XLA excludes op determinism. With XLA, several devices do not normalise a batch
        # together, and so would not train as one does.
        training.xla == "auto" and bool(gpus) and alone and not training.deterministic
    )
    if gpus and not alone and (advice := advice_on_xla(training)):
        _progress.info(advice, extra={"completed": 0.0, "stays": True})
    return Devices(
        strategy=strategy,
        precision=_precision(training.precision, gpus),
        xla=wanted_xla,
        # Strategies of several devices copy ahead by themselves; the default one does not.
        prefetch_to="/gpu:0" if gpus and alone else None,
        place=here,
    )


def advice_on_xla(training: Training) -> str | None:
    """The advice to use XLA, for a training on several GPUs; None where the keys have decided."""
    if training.xla != "auto" or training.deterministic:
        return None
    return (
        "devices: XLA is off, so that several GPUs normalise each batch together. training.xla: on "
        "can be several times as fast, and normalises each GPU's part of a batch by itself."
    )


def distributed(dataset: tf.data.Dataset, devices: Devices):
    """The batches, split over the devices of this process.

    Args:
      dataset: of batches for all devices; with several workers, of this worker's share.

    Returns:
      What the strategy makes of the dataset; on one CPU the dataset itself.
    """
    if devices.prefetch_to:
        copied = tf.data.experimental.prefetch_to_device(devices.prefetch_to, BATCHES_ON_DEVICE)
        return dataset.apply(copied)  # Nothing may come after it.
    if devices.workers == 1:
        return devices.strategy.experimental_distribute_dataset(dataset)
    # Every worker reads its own share already, so nothing may be sharded again.
    local = devices.strategy.num_replicas_in_sync // devices.workers

    def of_this_worker(_):
        return dataset if local == 1 else in_parts(dataset, local)

    return devices.strategy.distribute_datasets_from_function(of_this_worker)


def in_parts(dataset: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Every batch as `count` batches, in its order and as even as possible.

    There are always `count`, even for a last batch of fewer examples, as all devices must take the
    same number of steps.
    """

    def parts(*batch):
        size = tf.shape(batch[0], out_type=tf.int64)[0]

        def part(number):
            first, end = size * number // count, size * (number + 1) // count
            return tuple(tensor[first:end] for tensor in batch)

        return tf.data.Dataset.range(count).map(part)

    split = dataset.flat_map(parts)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        # Otherwise the devices ask each other before every step whether there is another one.
        split = split.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    return split


def _let_memory_grow(gpus: list) -> None:
    """Must be called before anything asks for the logical devices."""
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError as error:
            logging.warning("%s takes all its memory at once: %s", gpu.name, error)


def _precision(wanted: str, gpus: list) -> str:
    """The fastest policy that every GPU has tensor cores for, which exist from Volta on."""
    if wanted != "auto":
        return wanted
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    least = min((found.get("compute_capability", (0, 0)) for found in details), default=(0, 0))
    if least >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if least >= (7, 0) else "float32"


def _local(gpus: list) -> tf.distribute.Strategy:
    names = [device.name for device in tf.config.list_logical_devices("GPU" if gpus else "CPU")]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else _default()


def _default() -> tf.distribute.Strategy:
    return tf.distribute.get_strategy()


def _multi_worker() -> tf.distribute.Strategy:
    try:
        # Without a timeout of its operations: see `workers.Watch`.
        return tf.distribute.MultiWorkerMirroredStrategy()
    except LOST as error:
        raise WorkerLost(
            f"Trainer: a worker was lost before all had connected ({error})."
        ) from error
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise Failure(
            f"Trainer: the workers of TF_CONFIG cannot train together: "
            f"{str(error).splitlines()[0]} Run each of them in a process of its own, on the "
            "addresses that TF_CONFIG names."
        ) from error
