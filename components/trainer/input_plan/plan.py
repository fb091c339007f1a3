"""The plan of a training's input: the strategy chosen, and what was predicted of each."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from components.trainer.input.strategy import readable
from components.trainer.input_plan.prediction import Consumer, Epoch, Forecast

PLAN_FILE = "input_plan.json"


class Stage(NamedTuple):
    """One stage of the input, measured alone."""

    name: str  # "read", "decode", "gather" or "copy"
    images_per_second: float


@dataclasses.dataclass(frozen=True)
class Allowed:
    """What the configuration lets a plan use."""

    memory_limit_bytes: int | None
    cache_dir: str | None
    probe_seconds: float


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which strategy feeds a training, and why."""

    strategy: str
    reason: str  # half a sentence for people
    warning: str | None = None  # that the model will wait, and what would help
    # All that follows is empty where nothing was measured.
    seconds: float = 0.0  # that the probe took
    cores: int = 0
    examples: int = 0
    row_bytes: int = 0  # of a decoded example
    epochs: int = 0
    consumer: Consumer | None = None  # the model's step
    stages: tuple[Stage, ...] = ()
    forecasts: tuple[Forecast, ...] = ()  # of each strategy
    allowed: Allowed | None = None

    @property
    def chosen(self) -> Forecast | None:
        """What is predicted of the strategy that was chosen."""
        return next((one for one in self.forecasts if one.strategy == self.strategy), None)

    def content(self) -> dict:
        """The plan as JSON values."""
        found = dataclasses.asdict(self)
        return found | {"stages": [stage._asdict() for stage in self.stages]}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """The plan with that `content`.

        Raises:
          KeyError, TypeError, ValueError: another version wrote it in another form.
        """
        given = dict(content)
        given["consumer"] = given["consumer"] and Consumer(**given["consumer"])
        given["allowed"] = given.get("allowed") and Allowed(**given["allowed"])
        given["stages"] = tuple(Stage(**stage) for stage in given["stages"])
        given["forecasts"] = tuple(_forecast(dict(one)) for one in given["forecasts"])
        return cls(**given)

    def lines(self) -> list[str]:
        """What is printed before the training starts."""
        if not self.forecasts:
            return [f"input plan: {self.reason}"]
        model, batch = self.consumer, self.consumer.batch_size
        stages = ", ".join(f"{name} {rate:,.0f}" for name, rate in self.stages)
        found = [
            f"input plan, measured in {self.seconds:.1f} s on {self.cores} cores: "
            f"{self.examples:,} images of {readable(self.row_bytes)}, {self.epochs} epochs",
            f"  model      {model.images_per_second:,.0f} images/s, "
            f"{1000 * model.step_seconds:.1f} ms for a step of {batch}",
            f"  stages     {stages} images/s",
            *(f"  {one.strategy:<10} {_row(one)}" for one in self.forecasts),
            f"  chosen     {self.reason}",
        ]
        return [*found, f"  {self.warning}"] if self.warning else found


def _forecast(given: dict) -> Forecast:
    given["first_epoch"] = Epoch(**given["first_epoch"])
    given["later_epochs"] = given["later_epochs"] and Epoch(**given["later_epochs"])
    return Forecast(**given)


def _row(forecast: Forecast) -> str:
    epochs = [f"first epoch {_epoch(forecast.first_epoch)}"]
    if forecast.later_epochs:
        epochs.append(f"later {_epoch(forecast.later_epochs)}")
    row = f"{'; '.join(epochs)}; all in {duration(forecast.seconds)}; "
    row += f"{readable(forecast.memory_bytes)} of memory"
    if forecast.disk_bytes:
        row += f", {readable(forecast.disk_bytes)} of disk"
    return f"{row}; not possible: {forecast.refused}" if forecast.refused else row


def _epoch(epoch: Epoch) -> str:
    return f"{epoch.images_per_second:,.0f} images/s, waits {epoch.wait:.1%}"


def duration(seconds: float) -> str:
    """As in "8.3 s", "4 min 10 s" or "3 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
