"""The report of one run."""

from report.advice import headline, next_steps
from report.page import percent, render, sections
from report.sections import data, evaluation, lineage, pipeline_graph, training, tuning

_SECTIONS = (
    ("pipeline", "Pipeline", pipeline_graph.view),
    ("data", "Data", data.view),
    ("tuning", "Tuning", tuning.view),
    ("training", "Training", training.view),
    ("evaluation", "Evaluation", evaluation.view),
    ("serving", "Serving", lambda run, previous: run.serving),
    ("lineage", "Lineage of the model", lineage.view),
)


def report(run, previous):
    """The page of a Run, beside the one before it where there is one."""
    return render(
        "report.html",
        title=f"{run.name}: report",
        subtitle=f"Run of {run.when}",
        run=run,
        previous=previous,
        sections=sections("sections", _SECTIONS, run, previous),
        headline=headline(run),
        next_steps=next_steps(run),
        cards=list(_cards(run)),
    )


def _cards(run):
    """The key figures: (name, value, note)."""
    if run.verdict:
        champion, metrics = run.verdict.champion_metrics, run.verdict.metrics
        for name, title in (("mean_iou", "Mean IoU"), ("accuracy", "Accuracy")):
            if name in metrics:
                note = f"champion {champion[name]:.4f}" if name in champion else "first model"
                yield title, f"{metrics[name]:.4f}", note
    if run.history:
        epochs, best = len(run.history.epochs), run.history.best_epoch
        yield "Training", f"{run.history.seconds:.1f} s", f"{epochs} epochs, best {best}"
    if run.input_report and run.input_report.waited is not None:
        yield "Waited for data", percent(run.input_report.waited), "of the training time"
    if run.serving and run.serving.challenger:
        model = run.serving.challenger
        yield "Serving", f"{model.p50_ms:.2f} ms", f"p99 {model.p99_ms:.2f} ms, one image"
    cached = sum(node.status == "cached" for node in run.nodes.values())
    yield "Whole run", f"{run.seconds:.1f} s", f"{cached} of {len(run.nodes)} from the cache"
