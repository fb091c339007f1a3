"""A run: its components, and what each of them left."""

import dataclasses
import functools
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from components.champion_resolver.reading import read_version
from components.evaluator.bounds import bounds_of
from components.evaluator.reading import (
    read_confusion,
    read_reliability,
    read_verdict,
    read_worst_examples,
)
from components.example_validator.anomalies_files import read_folder as read_anomalies
from components.examples.reading import read_class_names, read_data
from components.pusher.reading import read_pushed
from components.serving_check.reading import read_result
from components.statistics_gen.statistics_files import read_folder as read_statistics
from components.tasks.report import report_of
from components.trainer.history import History, read_devices, read_thresholds
from components.trainer.input_report.reading import read_report
from components.trainer.temperature import Calibration
from components.transform.reading import read_dropped, read_mask_pixels
from components.tuner.reading import read_trials
from files.strict_json import text_of
from pipeline.origin import Origin
from pipeline.outcome import summaries
from settings.data import Features
from settings.evaluation import Evaluation
from settings.serving import Serving


class Output(NamedTuple):
    """An artifact that a component made or took from the cache."""

    id: int
    folder: Path
    properties: dict[str, Any]  # its custom properties

    @property
    def summary(self):
        """What it holds in a few words, as every component says of its outputs; or None."""
        return self.properties.get("summary")


@dataclasses.dataclass(frozen=True)
class Node:
    """One component of a run."""

    name: str
    status: str  # "ran", "cached", "failed", or "stopped" where no failure was recorded
    seconds: float
    outputs: dict[str, Output]
    inputs: dict[str, list[int]]  # ids of artifacts

    @property
    def summaries(self):
        """What its outputs record about themselves."""
        return summaries({name: output.properties for name, output in self.outputs.items()})


def _left(component, output, reader, default=None):
    """A property of a Run: what `reader` finds in the folder of that output."""

    def read(run):
        found = run.output(component, output)
        return reader(found.folder) if found else default

    return functools.cached_property(read)


def _said(component, output, reader):
    """A property of a Run: what `reader` finds in the custom properties of that output."""

    def read(run):
        found = run.output(component, output)
        return reader(found.properties if found else {})

    return functools.cached_property(read)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run as ML Metadata knows it; its artifacts are read when they are asked for.

    Attributes:
      id: the time at which it began, ISO 8601.
      nodes: {component: Node}, in the order in which they started.
      seconds: from the first component's start to the last one's end.
      origin: what it was started from; its configuration is {} where it was not recorded.
      failure: why it failed, or None.
      model_origin: (id, Origin) of the run that trained its model, another one where Trainer
        was cached; None without a model.
    """

    id: str
    nodes: dict[str, Node]
    seconds: float
    origin: Origin
    failure: str | None
    model_origin: tuple[str, Origin] | None

    @property
    def unfinished(self):
        """The Node that failed or was stopped, or None."""
        return next((n for n in self.nodes.values() if n.status in ("failed", "stopped")), None)

    @functools.cached_property
    def removed(self):
        """The names of the components that finished and whose outputs are gone since."""
        finished = [n for n in self.nodes.values() if n.status in ("ran", "cached")]
        return [
            node.name
            for node in finished
            if not all(output.folder.is_dir() for output in node.outputs.values())
        ]

    @property
    def when(self):
        """Its start for people, such as "2026-11-21 04:34:40"."""
        return self.id[:19].replace("T", " ")

    @property
    def name(self):
        return self.origin.configuration.get("name", "run")

    def section(self, name, kind):
        """A section of the configuration as `kind`; the defaults where it no longer fits."""
        recorded = self.origin.configuration.get(name) or {}
        known = {key: value for key, value in recorded.items() if key in kind.model_fields}
        try:
            return kind.model_validate_json(text_of(known))
        except ValidationError:
            return kind.model_construct()

    @functools.cached_property
    def features(self):
        return self.section("data", Features)

    @property
    def serving_limits(self):
        return self.section("serving", Serving)

    @property
    def is_segmentation(self):
        return self.features.task == "segmentation"

    @property
    def task(self):
        """How its task is shown: `report.py` of the task's folder."""
        return report_of(self.features.task)

    @functools.cached_property
    def classes(self):
        """The scores of each class by class id; [] where they were not counted."""
        found = self.output("Evaluator", "evaluation")
        return self.task.classes(found.folder) if found else []

    def output(self, component, name):
        """An Output, or None."""
        node = self.nodes.get(component)
        return node.outputs.get(name) if node else None

    @property
    def examples(self):
        """The Output of the run's ExampleGen, whichever it is; or None."""
        return next(
            (n.outputs["examples"] for n in self.nodes.values() if "examples" in n.outputs), None
        )

    @functools.cached_property
    def data(self):
        """What the examples record about themselves."""
        return read_data(self.examples.properties if self.examples else {})

    @functools.cached_property
    def label_names(self):
        """The names of the label's classes in the order of their ids; [] where it has none."""
        names = read_class_names(self.examples.folder) if self.examples else {}
        return names.get(self.features.label_feature, [])

    # What each component's own reader returns; None or empty where it left nothing.
    dropped = _said("Transform", "transformed_examples", read_dropped)
    champion = _said("ChampionResolver", "champion", read_version)
    pushed = _said("Pusher", "pushed_model", read_pushed)
    statistics = _left("StatisticsGen", "statistics", read_statistics, {})
    anomalies = _left("ExampleValidator", "anomalies", read_anomalies, {})
    mask_pixels = _left("Transform", "transform_graph", read_mask_pixels)
    trials = _left("Tuner", "tuner_results", read_trials, [])
    history = _left("Trainer", "model_run", History.read)
    thresholds = _left("Trainer", "model_run", read_thresholds, {})
    devices = _said("Trainer", "model_run", read_devices)
    input_report = _left("Trainer", "model_run", read_report)
    calibration = _left("Trainer", "model", Calibration.read)
    verdict = _left("Evaluator", "blessing", read_verdict)
    confusion = _left("Evaluator", "evaluation", read_confusion)
    reliability = _left("Evaluator", "evaluation", read_reliability)
    worst_examples = _left("Evaluator", "evaluation", read_worst_examples, [])
    serving = _left("ServingCheck", "infra_blessing", read_result)

    @functools.cached_property
    def bounds(self):
        """Every Bound of the configuration; [] without a verdict."""
        if not self.verdict:
            return []
        evaluation = self.section("evaluation", Evaluation)
        return list(bounds_of(evaluation, self.verdict.metrics, self.verdict.champion_metrics))

    def edges(self):
        """[(component, component that reads its outputs, [their names])] in the run's order."""
        made = {
            output.id: (node.name, name)
            for node in self.nodes.values()
            for name, output in node.outputs.items()
        }
        found = {}
        for node in self.nodes.values():
            for ids in node.inputs.values():
                for source, output in (made[i] for i in ids if i in made):
                    found.setdefault((source, node.name), []).append(output)
        return [(a, b, sorted(set(outputs))) for (a, b), outputs in found.items()]
