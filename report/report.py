"""The report of one run."""

from report.advice import headline, next_steps
from report.page import render, sections
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
    )
