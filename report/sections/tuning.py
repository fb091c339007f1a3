"""The trials of the search for hyperparameters, the best first, and stopped ones last."""

from settings.tuner import Tuner

_SHOWN = 50


def view(run, previous):
    """What the template shows; None without trials."""
    if not run.trials:
        return None
    objective = run.section("tuner", Tuner).objective
    trials = [(t, getattr(t.history.best, objective)) for t in run.trials]
    trials.sort(key=lambda trial: (trial[0].history.stopped_early, _rank(trial[1], objective)))
    best = run.output("Tuner", "best_hyperparameters")
    return {
        "objective": objective.replace("_", " "),
        "keys": list(dict.fromkeys(key for t in run.trials for key in t.history.hyperparameters)),
        "trials": trials[:_SHOWN],
        "more": len(trials) - _SHOWN,
        "best": best and best.summary,
    }


def _rank(value, objective):
    if value is None:
        return (1, 0.0)
    return (0, value if objective.endswith("loss") else -value)
