"""What to do next, from what happened in this run."""

from pipeline.served_version import served_instead
from report.bounds import read_bounds
from report.confusion import is_segmentation, read_confusion


def headline(run):
    """(the outcome in a few words, why, whether it is good)."""
    verdict = run.json("Evaluator", "blessing", "blessing.json")
    serving = run.json("ServingCheck", "infra_blessing", "serving.json")
    pushed = run.nodes.get("Pusher")
    if run.unfinished:
        first = f"{run.unfinished.name} {'failed' if _why(run) else 'was stopped'}"
        return first, _why(run).removeprefix(f"{first}: "), False
    if not verdict:
        return "The run did not come to its verdict", "It was stopped before the evaluation.", False
    if not verdict["blessed"]:
        return "Not blessed", "; ".join(verdict["reasons"]), False
    if serving and not serving["blessed"]:
        return "Blessed, but it does not serve", "; ".join(serving["causes"]), False
    return "Blessed", "; ".join(pushed.summaries) if pushed else "", True


def _why(run):
    """Why it failed; "" where it was stopped, or is not known."""
    return run.origin.get("failure") or ""


def next_steps(run):
    """Sentences, the most urgent first; at least one."""
    verdict = run.json("Evaluator", "blessing", "blessing.json")
    serving = run.json("ServingCheck", "infra_blessing", "serving.json")
    if run.unfinished and _why(run):
        steps = _after_failure(run)
    elif run.unfinished or not verdict:
        steps = ["Give the same command again: it goes on from what is finished."]
    elif not verdict["blessed"]:
        steps = [*_missed(run), *_from_curves(run), *_weakest(run)]
    elif serving and not serving["blessed"]:
        steps = ["Mend the model's serving graph and run again: the model was not pushed."]
    else:
        steps = [*_after_push(run), *_weakest(run)]
    return [*steps, *_from_input(run)]


def _after_failure(run):
    steps = []
    if run.unfinished.name == "ValidationGate":
        steps.append(
            "Look at the anomalies below. Correct the data or the schema, or allow these types "
            "under validation.allow."
        )
    steps.append(
        "Mend the cause and give the same command again: what is finished comes from the cache. "
        "The whole story is in the run's log, in the folder logs of its root."
    )
    return steps


def _missed(run):
    bounds = read_bounds(run)
    if not bounds:
        yield "Set evaluation.thresholds: without a bound nothing says that a model is good enough."
    for bound in bounds:
        if not bound.held and bound.value is not None:
            yield (
                f"{bound.metric} is {bound.value:.4g} and has to be {bound.rule} "
                f"{bound.limit:.4g}: it is {bound.missing:.2g} off."
            )


def _from_curves(run):
    history = run.json("Trainer", "model_run", "history.json")
    epochs = history["epochs"] if history else []
    if not epochs:
        return
    last, best = epochs[-1], history["best_epoch"]
    losses = [epoch.get("validation_loss") for epoch in epochs[-2:]]
    if len(losses) == 2 and best == len(epochs) and None not in losses:
        if losses[1] < 0.99 * losses[0]:
            yield (
                "The validation loss was still falling at the last epoch: raise training.epochs "
                f"above {len(epochs)}."
            )
    elif best < len(epochs):
        yield f"The model was best after epoch {best} of {len(epochs)}: more epochs will not help."
    seen, unseen = last.get("accuracy"), last.get("validation_accuracy")
    if seen is not None and unseen is not None and seen - unseen > 0.05:
        yield (
            f"It knows the training images better ({seen:.3f}) than others ({unseen:.3f}): "
            "turn on augmentation, or add data."
        )


def _weakest(run):
    confusion = read_confusion(run)
    classes = [c for c in confusion.classes if c.actual] if confusion else []
    if len(classes) < 2:
        return
    score = "iou" if is_segmentation(run) else "recall"
    weakest = min(classes, key=lambda c: getattr(c, score))
    if getattr(weakest, score) > 0.98:
        return
    mixed = [(n, said) for n, true, said in confusion.mistakes(10_000) if true == weakest.name]
    noun = "pixels" if is_segmentation(run) else "examples"
    most = f", most often taken for {mixed[0][1]}" if mixed else ""
    yield (
        f"The weakest class is {weakest.name}: {'IoU' if score == 'iou' else 'recall'} "
        f"{getattr(weakest, score):.3f} on {weakest.actual:,} {noun}{most}. "
        "More examples of it would help most."
    )


def _after_push(run):
    version = run.said("Pusher", "pushed_model", "pushed_version")
    if "Pusher" not in run.nodes:
        yield "The run was stopped before the push: give the same command again."
        return
    if not version:
        yield "Nothing is left to do: the model was not pushed, and its line says why."
        return
    instead = served_instead(run.said("Pusher", "pushed_model", "pushed_destination") or "")
    if instead:
        yield (
            f"Version {instead} is in service, not version {version}, which was pushed before. To "
            f"serve it again: python -m pipeline models rollback {version} --config FILE"
        )
        return
    yield (
        f"The model server takes version {version} by itself. Try it: "
        "python -m pipeline predict IMAGE --config FILE"
    )
    champion = run.said("ChampionResolver", "champion", "version")
    if champion:
        yield (
            "Should it disappoint, the version before serves again after: "
            f"python -m pipeline models rollback {champion:.0f} --config FILE"
        )


def _from_input(run):
    told = run.json("Trainer", "model_run", "input_report.json")
    if told and told.get("verdict") == "input-bound" and told.get("advice"):
        yield told["advice"]
