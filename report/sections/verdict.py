"""The top of the page: what came out, what to do next, and the key figures."""

from html import escape

from report.advice import headline, next_steps
from report.markup import Safe, cards, items


def render(run, previous):
    first, why, good = headline(run)
    reason = f"<p>{escape(why)}</p>" if why else ""
    return Safe(
        f'<div class="verdict {"good" if good else "bad"}"><strong>{escape(first)}</strong>{reason}'
        f"</div>{cards(_figures(run))}<h2>What to do next</h2>{items(next_steps(run))}"
    )


def _figures(run):
    verdict = run.json("Evaluator", "blessing", "blessing.json")
    if verdict:
        champion, metrics = verdict["champion_metrics"], verdict["metrics"]
        for name, title in (("mean_iou", "Mean IoU"), ("accuracy", "Accuracy")):
            if name in metrics:
                note = "no champion before it"
                if name in champion:
                    note = f"champion {champion[name]:.4f}"
                yield title, f"{metrics[name]:.4f}", note
    history = run.json("Trainer", "model_run", "history.json")
    if history and history["epochs"]:
        epochs = history["epochs"]
        seconds = sum(epoch["seconds"] for epoch in epochs)
        yield "Training", f"{seconds:.1f} s", f"{len(epochs)} epochs, best {history['best_epoch']}"
    waits = (run.json("Trainer", "model_run", "input_report.json") or {}).get("wait") or {}
    wait = waits.get("later_epochs") or waits.get("first_epoch")
    if wait:
        yield "Waited for data", f"{100 * wait['share']:.1f} %", "of the steps' time"
    serving = run.json("ServingCheck", "infra_blessing", "serving.json")
    if serving and serving.get("challenger"):
        figures = serving["challenger"]
        yield "Serving", f"{figures['p50_ms']:.2f} ms", f"p99 {figures['p99_ms']:.2f} ms, one image"
    cached = sum(node.status == "cached" for node in run.nodes.values())
    yield "The whole run", f"{run.seconds:.1f} s", f"{cached} of {len(run.nodes)} from the cache"
