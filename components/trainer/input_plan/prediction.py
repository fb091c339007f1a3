"""Predicts how each input strategy feeds a model from what a probe measured: only arithmetic."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

from components.trainer.input.strategy import readable

# Of those whose difference is within the noise.
PREFERRED = ("memory", "disk", "streaming", "compressed")
_IN_MEMORY = {"memory": "decoded images", "compressed": "images as JPEGs"}
_NOISE = 0.05  # of the total time: a probe of some seconds tells no smaller difference
_MOST_CORES = 1024
_MOST_SERVICE_WORKERS = 256
_SMALLEST_SIDE = 0.25  # images shrunk further than to this part of their sides are no advice
_BOUND = 0.5  # from this share of their time on, the cores are what limits


@dataclasses.dataclass(frozen=True)
class Costs:
    """What one strategy costs with this data on this machine."""

    strategy: str
    prepare_seconds: float  # for all examples, before anything is trained
    first_batch_seconds: float  # until the first batch after that
    images_per_second: float  # at most, with nothing else on the machine
    core_seconds: float  # of one core's time an image
    memory_bytes: int
    disk_bytes: int  # still to be written
    refused: str | None = None  # why the data or the machine do not allow it, half a sentence


@dataclasses.dataclass(frozen=True)
class Consumer:
    """What takes the batches: a model's step."""

    batch_size: int
    step_seconds: float  # with a batch that is always there
    core_seconds: float = 0.0  # of the same cores that load the batches

    @property
    def images_per_second(self) -> float:
        return self.batch_size / self.step_seconds


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of a training."""

    images_per_second: float
    wait: float  # the share of its time that the model waits, 0..1


@dataclasses.dataclass(frozen=True)
class Forecast:
    """A training with one strategy."""

    strategy: str
    first_epoch: Epoch
    later_epochs: Epoch | None  # None for a training of one epoch
    seconds: float  # of all epochs
    memory_bytes: int
    disk_bytes: int
    refused: str | None

    @property
    def usual(self) -> Epoch:
        """An epoch as most are."""
        return self.later_epochs or self.first_epoch


def predict(costs: Costs, consumer: Consumer, steps: int, epochs: int, cores: int) -> Forecast:
    """A training of `epochs` epochs of `steps` steps, on `cores` cores."""
    wait, step = _beside_each_other(costs, consumer, cores)
    before = costs.prepare_seconds + costs.first_batch_seconds
    computing, later = steps * step, steps * (wait + step)
    first = before + computing
    if wait:  # The last batch comes after all others, and its step follows.
        ahead = _with_the_first(costs, consumer, cores)
        first = before + max(computing, later - ahead * (wait + step) + step)
        first = max(first, later)  # No epoch is quicker than those that find all buffers full.
    images = steps * consumer.batch_size
    return Forecast(
        strategy=costs.strategy,
        first_epoch=Epoch(images / first, (first - computing) / first),
        later_epochs=Epoch(images / later, wait / (wait + step)) if epochs > 1 else None,
        seconds=first + (epochs - 1) * later,
        memory_bytes=costs.memory_bytes,
        disk_bytes=costs.disk_bytes,
        refused=costs.refused,
    )


def _with_the_first(costs: Costs, consumer: Consumer, cores: int) -> float:
    """How many batches come at the time of the first: one of each core, but no more than are
    loaded by then at full speed."""
    loading = consumer.batch_size / costs.images_per_second
    return min(cores, costs.first_batch_seconds / loading)


def _beside_each_other(costs: Costs, consumer: Consumer, cores: int) -> tuple[float, float]:
    """Seconds that a step waits for its batch, and those that it then takes.

    Loading and computing share the cores fairly: if together they need more than there are,
    both slow down by the same factor. What is loaded late is loaded while the model waits, on all
    cores.
    """
    loading = consumer.batch_size / costs.images_per_second
    wanted = costs.core_seconds * consumer.batch_size / loading
    wanted += consumer.core_seconds / consumer.step_seconds
    slower = max(1.0, wanted / cores)
    if loading > consumer.step_seconds:
        return loading - consumer.step_seconds, consumer.step_seconds * slower
    # Once the buffers are full, loading stops until a batch is taken.
    work = costs.core_seconds * consumer.batch_size + consumer.core_seconds
    return 0.0, max(consumer.step_seconds, work / cores)


def pick(forecasts: Iterable[Forecast]) -> Forecast:
    """The allowed one with the shortest total time, or the preferred one of those near it."""
    allowed = [forecast for forecast in forecasts if not forecast.refused]
    shortest = min(forecast.seconds for forecast in allowed)
    near = (one for one in allowed if one.seconds <= shortest * (1 + _NOISE))
    return min(near, key=lambda forecast: PREFERRED.index(forecast.strategy))


def warning(
    costs: Sequence[Costs],
    consumer: Consumer,
    steps: int,
    epochs: int,
    cores: int,
    max_wait: float,
) -> str | None:
    """What to do where no allowed strategy feeds the model; None where one does.

    Args:
      max_wait: the share of an epoch's time that the model may wait, 0..1.
    """

    def forecast(one: Costs, count: int = cores) -> Forecast:
        return predict(one, consumer, steps, epochs, count)

    def fed(one: Costs, count: int = cores) -> bool:
        return forecast(one, count).usual.wait <= max_wait

    allowed = [one for one in costs if not one.refused]
    if any(fed(one) for one in allowed):
        return None
    chosen = pick(map(forecast, costs)).strategy
    [best] = [one for one in allowed if one.strategy == chosen]
    usual = forecast(best).usual
    help_ = [_room(one) for one in costs if one.refused and fed(one)]
    needed = next((n for n in range(cores + 1, _MOST_CORES) if fed(_scaled(best, n / cores), n)), 0)
    if needed and _cores_limit(best, consumer, cores):
        help_.insert(0, f"{needed} cores instead of {cores}")
    if workers := _service_workers(allowed, fed, cores, consumer):
        help_.append(
            f"a tf.data service of {workers} workers like this machine "
            "(training.input.data_service; on Kubeflow, kubeflow.data_service_workers)"
        )
    side = math.sqrt(best.images_per_second / consumer.images_per_second)
    if _SMALLEST_SIDE <= side < 1:
        help_.append(f"smaller stored images, of {side:.0%} of the height and width")
    return (
        f"No input strategy keeps up with the model: with {chosen} it gets "
        f"{usual.images_per_second:,.0f} of the {consumer.images_per_second:,.0f} images/s that "
        f"it takes, and waits {usual.wait:.0%} of the time. "
        f"What would help: {', or '.join(help_) or 'larger batches, or a larger model'}."
    )


def _scaled(costs: Costs, times: float) -> Costs:
    return dataclasses.replace(costs, images_per_second=costs.images_per_second * times)


def _service_workers(
    allowed: Iterable[Costs], fed: Callable[[Costs], bool], cores: int, consumer: Consumer
) -> int:
    """How many machines like this one have to decode in its place; 0 where that would not help."""
    for one in allowed:
        if one.strategy == "streaming" and _cores_limit(one, consumer, cores):
            elsewhere = dataclasses.replace(one, core_seconds=0.0)
            counts = range(2, _MOST_SERVICE_WORKERS + 1)
            return next((n for n in counts if fed(_scaled(elsewhere, n))), 0)
    return 0


def _cores_limit(costs: Costs, consumer: Consumer, cores: int) -> bool:
    """Whether more cores would speed up the loading and not the model as well."""
    loading = costs.core_seconds * costs.images_per_second / cores
    computing = consumer.core_seconds / consumer.step_seconds / cores
    return loading >= _BOUND > computing


def _room(costs: Costs) -> str:
    if costs.strategy in _IN_MEMORY:
        return (
            f"{readable(costs.memory_bytes)} of memory for {_IN_MEMORY[costs.strategy]} "
            "(training.input.memory_limit_mb)"
        )
    return (
        f"a disk cache: {readable(costs.disk_bytes)} on a local disk, named by "
        "training.input.cache_dir"
    )
