"""Training: the curves, every epoch, and whether the model waited for data."""

import dataclasses

from components.trainer.input.strategy import readable
from components.trainer.input_plan.plan import duration
from components.trainer.input_report.reading import read_plot
from report import pictures
from report.charts import Series, chart

CURVES = (
    ("loss", "Loss"),
    ("accuracy", "Accuracy"),
    ("mean_iou", "Mean IoU"),
)
_LISTED = 100  # classes of the table of classes; of more, the rarest


def view(run, previous):
    """What the template shows; None where nothing was trained."""
    model_run = run.output("Trainer", "model_run")
    if not run.history and not run.input_report:
        return None
    plot = run.input_report and read_plot(model_run.folder)
    found = {
        "plot": plot and pictures.data_uri(plot, "image/svg+xml"),
        "plan": run.input_report and _planned(run.input_report),
    }
    if not run.history:
        return found
    epochs = run.history.epochs
    fetched = column(epochs, "fetch_seconds")
    return found | {
        "charts": _curves(epochs, run.history.best_epoch),
        # Older runs did not record it.
        "fetch_seconds": None if None in fetched else sum(fetched),
        "keys": _keys(epochs),
        "classes": _classes(run.history.classes),
        "more_classes": len(run.history.classes) - _LISTED,
    }


def _classes(parts):
    """[(ClassPart, its share of all weight, its share of all loss)]; of too many, the rarest."""
    weight = sum(part.weight for part in parts) or 1.0
    loss = sum(part.loss for part in parts) or 1.0
    if len(parts) > _LISTED:
        parts = sorted(parts, key=lambda part: part.examples)[:_LISTED]
    return [(part, part.weight / weight, part.loss / loss) for part in parts]


def _planned(report):
    """Rows of what the plan predicted of each strategy, and of what happened; or nothing."""
    if not report.plan or not report.plan.forecasts:
        return []
    rows = [_row(one, one.strategy == report.strategy) for one in report.plan.forecasts]
    first, later, _ = report.speeds
    happened = [first.images_per_second, first.share, later.images_per_second, later.share]
    return [*rows, ("what happened", *happened, "", "", "", f"with {report.strategy}")]


def _row(forecast, chosen):
    first, later = forecast.first_epoch, forecast.later_epochs
    return (
        f"{forecast.strategy}, predicted",
        first.images_per_second,
        first.wait,
        later and later.images_per_second,
        later and later.wait,
        duration(forecast.seconds),
        readable(forecast.memory_bytes),
        readable(forecast.disk_bytes) if forecast.disk_bytes else "",
        forecast.refused or ("chosen" if chosen else ""),
    )


def column(epochs, key):
    """The values of one key, None where an epoch has none."""
    return [getattr(epoch, key, None) for epoch in epochs]


def _curves(epochs, best):
    drawn = []
    for key, title in CURVES:
        series = [
            Series("train", column(epochs, key)),
            Series("validation", column(epochs, f"validation_{key}"), "two", dashed=True),
        ]
        drawn.append(chart(title, series, best))
    rate = Series("learning rate", column(epochs, "learning_rate"))
    return [c for c in [*drawn, chart("Learning rate", [rate])] if c]


def _keys(epochs):
    """The columns of the table: what any of the epochs has a value of."""
    names = [field.name for field in dataclasses.fields(epochs[0])]
    return [name for name in names if any(value is not None for value in column(epochs, name))]
