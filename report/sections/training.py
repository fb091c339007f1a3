"""Training: the curves, every epoch, and whether the model waited for data."""

from html import escape

from report.charts import Series, lines
from report.markup import details, section, table
from report.sections import input_report

CURVES = (
    ("loss", "Loss"),
    ("accuracy", "Accuracy"),
    ("mean_iou", "Mean IoU"),
)


def render(run, previous):
    history = run.json("Trainer", "model_run", "history.json")
    epochs = history["epochs"] if history else []
    if not epochs:
        return section("training", "Training", input_report.render(run))
    best = history.get("best_epoch")
    body = (
        f"<p>{escape(_told(run, history))}</p><div class=charts>{curves(epochs, best)}</div>"
        + details(f"All {len(epochs)} epochs in figures", _epochs(epochs))
        + input_report.render(run)
    )
    return section("training", "Training", body)


def curves(epochs, best):
    """Charts of what was measured in every epoch."""
    drawn = []
    for key, title in CURVES:
        series = [
            Series("train", column(epochs, key)),
            Series("validation", column(epochs, f"validation_{key}"), "two", dashed=True),
        ]
        drawn.append(lines(title, series, best))
    drawn.append(lines("Learning rate", [Series("learning rate", column(epochs, "learning_rate"))]))
    return "".join(drawn)


def column(epochs, key):
    """The values of one key, None where an epoch has none."""
    return [epoch.get(key) for epoch in epochs]


def _told(run, history):
    epochs, best = history["epochs"], history.get("best_epoch")
    seconds = sum(epoch["seconds"] for epoch in epochs)
    text = f"Best epoch: {best}, at the dotted line. The steps took {seconds:.2f} s"
    text += f"{_fetching(epochs)}."
    if devices := run.said("Trainer", "model_run", "devices"):
        text += f" Computed on {devices}."
    if history.get("resumed_at_step"):
        text += f" The training went on from a checkpoint at step {history['resumed_at_step']:,}."
    return text


def _fetching(epochs):
    """Runs of before this was noted have none of it."""
    fetched = column(epochs, "fetch_seconds")
    return "" if None in fetched else f", {sum(fetched):.2f} s of them for fetching batches"


def _epochs(epochs):
    keys = [
        key for key in epochs[0] if key != "epoch" and any(e.get(key) is not None for e in epochs)
    ]
    rows = [
        (
            str(e.get("epoch", place)),
            *(e.get(key) if e.get(key) is not None else "" for key in keys),
        )
        for place, e in enumerate(epochs, 1)
    ]
    return table("Epochs", ("epoch", *(key.replace("_", " ") for key in keys)), rows)
