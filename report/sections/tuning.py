"""The trials of the search for hyperparameters, the best first."""

import json
from pathlib import Path

from report.markup import section, table

_SHOWN = 50


def render(run, previous):
    results = run.artifact("Tuner", "tuner_results")
    trials = list(_trials(Path(results.uri))) if results else []
    if not trials:
        return ""
    given = json.loads(run.nodes["Tuner"].properties.get("tuner") or "{}")
    objective = given.get("objective", "validation_loss")
    trials.sort(key=lambda trial: _rank(trial[2].get(objective), objective))
    keys = list(dict.fromkeys(key for _, values, _ in trials for key in values))
    rows = [
        (name, *(_figure(values.get(key)) for key in keys), _figure(best.get(objective)))
        for name, values, best in trials[:_SHOWN]
    ]
    head = ("trial", *keys, objective.replace("_", " "))
    more = len(trials) - _SHOWN
    rest = f"<p>{more:,} more trials are not shown.</p>" if more > 0 else ""
    best = run.said("Tuner", "best_hyperparameters", "summary") or "not recorded"
    caption = f"Trials, the best first; the model was trained with {best}"
    return section("tuning", "Tuning", table(caption, head, rows) + rest)


def _trials(folder):
    """(name, hyperparameters, figures of the best epoch) of every trial that was finished."""
    for file in sorted(folder.glob("trials/*/history.json")):
        try:
            told = json.loads(file.read_text("utf-8"))
        except ValueError:
            continue
        epochs = told["epochs"]
        if epochs:
            place = min(max(told.get("best_epoch") or 1, 1), len(epochs)) - 1
            yield file.parent.name, told.get("hyperparameters") or {}, epochs[place]


def _rank(value, objective):
    if value is None:
        return (1, 0.0)
    return (0, value if objective.endswith("loss") else -value)


def _figure(value):
    if value is None:
        return "none"
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
