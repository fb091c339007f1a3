"""How much longer each part of a recipe makes the training step."""

import statistics
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from benchmarks.training.workloads import CLASSES, Workload
from components.trainer.augmentation import Augmenter
from components.trainer.mixing import Mixer
from components.trainer.optimizer import build_optimizer
from components.trainer.training_step import Steps
from settings.augmentation import Augmentation
from settings.recipes import RECIPES
from settings.training import Training

_SEED, _BAR = 1, 10  # percent
PARTS = {
    "label smoothing": {"label_smoothing": 0.1},
    "focal loss": {"loss": "focal"},
    "class weights": {"class_weights": "balanced"},
    "weight decay": {"weight_decay": 0.01},
    "gradient clipping": {"gradient_clip_norm": 1.0},
    "moving average": {"ema_decay": 0.999},
    "mixup": {"mixup": 0.2},
    "cutmix": {"cutmix": 1.0},
    "accumulation": {"gradient_accumulation": 4},
    "random erasing": {"random_erasing": 0.5},
    "RandAugment": {"randaugment": 2},
    **{f"recipe {name}": {"recipe": name} for name in RECIPES},
}
_SINGLE = {"mixup"}  # not for masks


def lines(workload: Workload, rounds: int, steps: int) -> Iterator[tuple[str, bool]]:
    """A line for each part, the step with it against the plain one in turn; whether it holds."""
    plain = _step(workload, {})
    for name, keys in PARTS.items():
        if workload.segmentation and (name in _SINGLE or "from_scratch" in name):
            continue
        step, parts, ratios = _step(workload, keys), _parts(keys), []
        for number in range(rounds):
            order = (plain, step) if number % 2 == 0 else (step, plain)
            taken = {which: _taken(which, steps) for which in order}
            pairs = zip(taken[step], taken[plain], strict=True)
            ratios.append([mine / its / parts for mine, its in pairs])
        wall, cpu = (100 * (statistics.median(each) - 1) for each in zip(*ratios, strict=True))
        line = (
            f"{workload.name}, {name}: the step takes {wall:+.1f} % by the clock, {cpu:+.1f} % of "
            f"CPU time, bar {_BAR:+d} %"
        )
        yield line, wall <= _BAR


def _parts(keys: dict) -> int:
    """How many parts, each of the plain step's size, make the step's batch.

    Accumulation serves batches that do not fit in memory, so what counts is the cost of a part.
    """
    return keys.get("gradient_accumulation", 1)


def _step(workload: Workload, keys: dict) -> Callable[[], None]:
    """One compiled training step, warmed up; it returns once the device is done."""
    batch_size = workload.batch_size * _parts(keys)
    batch = tuple(map(tf.constant, workload.images(batch_size)))
    changes = {key: keys[key] for key in keys if key in Augmentation.model_fields}
    training = Training.of(
        batch_size=batch_size, **{k: v for k, v in keys.items() if k not in changes}
    )
    steps = Steps(
        workload.build(),
        build_optimizer(training, 100),
        training,
        tf.distribute.get_strategy(),
        Augmenter(Augmentation.of(**changes), _SEED) if changes else None,
        class_weights=list(range(1, CLASSES + 1)) if training.class_weights else None,
        mixer=Mixer(training, _SEED) if training.mixes else None,
        task=workload.task,
    )
    spec = tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in batch)
    train = steps.compile_training(spec)

    def step():
        train([batch])
        steps.training.totals()

    for _ in range(2):
        step()
    return step


def _taken(step: Callable[[], None], count: int) -> tuple[float, float]:
    """Seconds by the clock and of CPU time; on a busy machine, only the latter say much."""
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(count):
        step()
    return time.perf_counter() - began, time.process_time() - worked
