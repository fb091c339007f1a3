"""Evaluation: bounds, metrics against the champion's, each class, confusion, mistakes."""

from report import pictures, reliability
from report.advice import rule

_MATRIX = 30  # classes up to which the whole matrix is shown
_LISTED = 100  # classes of the table of classes; of more, the weakest
_PAIRS = 5  # of classes that are mistaken for each other


def view(run, previous):
    """What the template shows; None without a verdict."""
    if not run.verdict:
        return None
    classes = _listed(run.classes, run.task.SCORE)
    found = {
        "bounds": [(bound, rule(bound)) for bound in run.bounds],
        "worst": _worst(run),
        "legend": pictures.legend(run.confusion.names) if run.confusion else [],
        "reliability": _reliability(run),
        "classes": classes,
        "more": len(run.classes) - _LISTED,
        "thresholds": [
            (c.name, run.thresholds[c.name]) for c in classes if c.name in run.thresholds
        ],
    }
    if not run.confusion:
        return found
    return found | {
        "matrix": run.classes if len(run.classes) <= _MATRIX else [],
        "pairs": run.confusion.mistakes()[:_PAIRS],
    }


def _reliability(run):
    """The Lines of the reliability diagram; [] where confidence was not counted."""
    if not run.reliability or not hasattr(run.task, "CONFIDENCE"):
        return []
    temperature = run.calibration and run.calibration.temperature
    return reliability.lines(run.reliability, temperature, run.task.CONFIDENCE)


def _listed(classes, score):
    """All in their order; of too many, those of the lowest score that occur."""
    if len(classes) <= _LISTED:
        return classes
    return sorted(classes, key=lambda c: (c.actual == 0, getattr(c, score)))[:_LISTED]


def _worst(run):
    """[(number, WorstExample, [(alternative text, Picture)])], without damaged pictures."""
    found = []
    for number, one in enumerate(run.worst_examples, 1):
        shown = run.task.shown(one, number, pictures)
        if all(picture for _, picture in shown):
            found.append((number, one, shown))
    return found
