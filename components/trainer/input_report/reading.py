"""Reads an input report without TensorFlow, whose import takes seconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from components.trainer.input_plan.plan import Plan
from files import places

REPORT_FILE, PLOT_FILE = "input_report.json", "input_report.svg"


class Speed(NamedTuple):
    """The speed of one part of a training; None if it has no steps to measure."""

    title: str
    images_per_second: float | None
    share: float | None = None  # of its time spent waiting for data, 0..1
    p50: float | None = None  # of each step's share
    p99: float | None = None


class Stage(NamedTuple):
    """One stage of the input."""

    name: str
    milliseconds: float  # of processor time per batch
    share: float | None  # of all stages' time, 0..1


class Report(NamedTuple):
    """The report of one training."""

    line: str  # the verdict in one sentence
    verdict: str  # "ok", "input-bound", …
    advice: str | None
    strategy: str | None  # where images are kept, such as "memory"
    reason: str | None  # why this strategy was chosen
    speeds: list[Speed]  # first epoch, later epochs, without any input
    stages: list[Stage]  # slowest first; empty if not measured
    plan: Plan | None = None  # what was predicted before the training; None if nothing was

    @property
    def waited(self) -> float | None:
        """The share of time spent waiting in the later epochs, or in the only one, 0..1."""
        first, later, _ = self.speeds
        return first.share if later.share is None else later.share


def read_report(folder: Path) -> Report | None:
    """Reads the report in a model run's local folder; None if it is missing or damaged."""
    found = places.read_json(folder / REPORT_FILE)
    if found is None:
        return None
    rates, waits = found.get("images_per_second") or {}, found.get("wait") or {}
    speeds = [
        Speed(title, rates.get(key), *((waits.get(key) or {}).get(n) for n in Speed._fields[2:]))
        for key, title in (
            ("first_epoch", "first epoch"),
            ("later_epochs", "later epochs"),
            ("ceiling", "without any input"),
        )
    ]
    stages = [
        Stage(stage["name"], stage["milliseconds"], stage.get("share"))
        for stage in found.get("stages") or ()
    ]
    texts = (found.get(name) for name in ("advice", "strategy", "reason"))
    plan = _plan(found.get("plan"))
    return Report(found["line"], found["verdict"], *texts, speeds, stages, plan)


def _plan(content: Mapping[str, Any] | None) -> Plan | None:
    try:
        return Plan.from_content(content) if content else None
    except (KeyError, TypeError, ValueError):  # Another version wrote it.
        return None


def read_plot(folder: Path) -> bytes | None:
    """Reads the plot, an SVG file; None if there is none."""
    file = folder / PLOT_FILE
    return file.read_bytes() if file.is_file() else None


def read_lines(properties: Mapping[str, Any]) -> tuple[str, str]:
    """The verdict's line and the advice; "" for one that is absent.

    Args:
      properties: the model run's custom properties.
    """
    return properties.get("input_report") or "", properties.get("input_advice") or ""
