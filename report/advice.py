"""What came of a run, and what to do next."""

import math

from components.model_store.layout import served_instead

_WELL_KNOWN = 0.98  # the score from which a class needs no more examples
_OVERFIT = 0.05  # how far the accuracy on training images may be above that on others


def headline(run):
    """(the outcome in a few words, why, whether it is good)."""
    if run.unfinished:
        why = run.failure or ""
        first = f"{run.unfinished.name} {'failed' if why else 'was stopped'}"
        return first, why.removeprefix(f"{first}: "), False
    if not run.verdict:
        return _without_verdict(run)
    if not run.verdict.blessed:
        return "Not blessed", "; ".join(run.verdict.reasons), False
    if run.serving and not run.serving.blessed:
        return "Blessed, but does not serve", "; ".join(run.serving.causes), False
    pusher = run.nodes.get("Pusher")
    return "Blessed", "; ".join(pusher.summaries) if pusher else "", True


def next_steps(run):
    """Sentences, the most urgent first; at least one."""
    if run.unfinished and run.failure:
        steps = _after_failure(run)
    elif not run.verdict and "Evaluator" in run.removed:
        steps = []
    elif run.unfinished or not run.verdict:
        steps = ["Run the same command again: it continues after the finished components."]
    elif not run.verdict.blessed:
        steps = [*_missed(run), *_from_curves(run), *_weakest(run)]
    elif run.serving and not run.serving.blessed:
        steps = [_after_refusal(run.serving)]
    else:
        steps = [*_after_push(run), *_weakest(run)]
    return [*steps, *_from_input(run), *_after_removal(run)]


def _without_verdict(run):
    if "Evaluator" not in run.removed:
        return "Not evaluated", "The run was stopped before the evaluation.", False
    said = "; ".join(run.nodes["Evaluator"].summaries)
    blessed = run.output("Evaluator", "blessing").properties.get("blessed")
    return "Outputs removed", f"The Evaluator reported: {said}.", bool(blessed)


def rule(bound):
    """What a Bound asks for, such as "at least 0.97"."""
    limit = f"at {'least' if bound.at_least else 'most'} {bound.limit:.6g}"
    if not bound.is_change:
        return limit
    words = f"at most {bound.allowed:g} worse than the champion"
    return words if math.isnan(bound.limit) else f"{words}, so {limit}"


def _after_failure(run):
    if run.unfinished.name == "ValidationGate" and "anomal" in run.failure:
        yield (
            "See the anomalies below. Correct the data or the schema, or allow these types "
            "under validation.allow."
        )
    yield (
        "Fix the cause and run the same command again: finished components come from the cache. "
        "The full log is in the folder logs of the pipeline's root."
    )


def _after_refusal(serving):
    if serving.challenger is None:  # It did not answer all requests, so nothing was measured.
        return (
            "The cause may be the model or this machine. Mend it and run the same command again, "
            "which asks it anew: the model was not pushed."
        )
    if any(" above max_" in cause for cause in serving.causes):
        return (
            "The model was not pushed. Run the same command again on an idle machine, which "
            "measures anew. If that changes nothing, make the model smaller or raise the limit "
            "under serving."
        )
    return "Fix the model's serving graph and run again: the model was not pushed."


def _missed(run):
    if not run.bounds:
        yield "Set evaluation.thresholds: without a bound, no model counts as good enough."
    if math.isnan(run.verdict.metrics.get("loss", 0.0)):
        yield "The model answers with probabilities of nan: lower training.learning_rate."
    for bound in run.bounds:
        if not bound.met and not math.isnan(bound.value):
            yield (
                f"{bound.metric} is {bound.value:.4g} but must be {rule(bound)}: "
                f"{bound.missing:.2g} is missing."
            )


def _from_curves(run):
    if not run.history:
        return
    epochs, best = run.history.epochs, run.history.best_epoch
    losses = [epoch.validation_loss for epoch in epochs[-2:]]
    if len(losses) == 2 and best == len(epochs) and None not in losses:
        if losses[1] < 0.99 * losses[0]:
            yield (
                "The validation loss was still falling in the last epoch: raise training.epochs "
                f"above {len(epochs)}."
            )
    elif best and best < len(epochs):
        yield f"Epoch {best} of {len(epochs)} was the best: more epochs will not help."
    seen, unseen = epochs[-1].accuracy, epochs[-1].validation_accuracy
    if seen is not None and unseen is not None and seen - unseen > _OVERFIT:
        yield (
            f"The accuracy on training images ({seen:.3f}) is well above that on validation "
            f"images ({unseen:.3f}): turn on augmentation, or add data."
        )


def _weakest(run):
    classes = [c for c in run.classes if c.actual]
    if len(classes) < 2:
        return
    score, noun = run.task.SCORE, run.task.NOUN
    title = run.task.SCORES[score]
    weakest = min(classes, key=lambda c: getattr(c, score))
    if getattr(weakest, score) > _WELL_KNOWN:
        return
    mistakes = run.confusion.mistakes() if run.confusion else []
    mixed = [said for _, true, said in mistakes if true == weakest.name]
    most = f", most often mistaken for {mixed[0]}" if mixed else ""
    yield (
        f"The weakest class is {weakest.name}: {title} {getattr(weakest, score):.3f} on "
        f"{weakest.actual:,} {noun}{most}. More examples of it would help most."
    )


def _after_push(run):
    if "Pusher" not in run.nodes:
        yield "The run was stopped before the push: run the same command again."
        return
    if not run.pushed:
        yield "Nothing is left to do: the model was not pushed, for the reason given above."
        return
    version = run.pushed.version
    instead = served_instead(run.pushed.path)
    if instead:
        yield (
            f"Version {instead} is in service, not version {version}, which was pushed before. To "
            f"serve it again: python -m pipeline models rollback {version} --config FILE"
        )
        return
    yield (
        f"The model server loads version {version} by itself. Try it: "
        "python -m pipeline predict IMAGE --config FILE"
    )
    if run.champion:
        yield (
            "To go back to the previous version: "
            f"python -m pipeline models rollback {run.champion} --config FILE"
        )


def _from_input(run):
    report = run.input_report
    if report and report.verdict == "input-bound" and report.advice:
        yield report.advice


def _after_removal(run):
    if run.removed:
        yield (
            f"What {', '.join(run.removed)} wrote is gone, as keep_runs and runs prune --local "
            "remove what only old runs used. Raise keep_runs to keep more runs whole; to see this "
            "one whole again, run its data, code and configuration anew."
        )
