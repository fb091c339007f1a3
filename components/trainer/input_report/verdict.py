"""Judges the figures of an input report and advises what to change."""

from collections.abc import Mapping, Sequence

from components.trainer.input_report.interval import Interval

# TensorFlow Profiler's thresholds: https://www.tensorflow.org/guide/data_performance_analysis
_MODERATE, _HIGH = 0.05, 0.20
_FEWEST_STEPS = 20  # below, one slow step decides

_SERVICE = "training.input.data_service; on Kubeflow, kubeflow.data_service_workers"

# What helps a strategy that `auto` chose, and one that was asked for, which no limit changes.
_HELP = {
    "streaming": (
        "Raise training.input.memory_limit_mb, or name a local disk in training.input.cache_dir, "
        "so that images are decoded only once.",
        "Set training.input.strategy to auto, memory or disk, so that images are decoded only "
        "once.",
    ),
    "compressed": (
        "Raise training.input.memory_limit_mb so that the decoded images fit into memory.",
        "Set training.input.strategy to memory, so that images stay decoded, if they fit.",
    ),
    "disk": (
        "Raise training.input.memory_limit_mb so that the images fit into memory, or put "
        "training.input.cache_dir on a faster disk.",
        "Set training.input.strategy to memory if the images fit, or put "
        "training.input.cache_dir on a faster disk.",
    ),
}
_SHORT_STEPS = (
    "Raise training.steps_per_execution or training.batch_size: the steps are so short that "
    "fetching a batch takes a noticeable share of them."
)

_STREAMED_ONCE = (
    "A single epoch decodes each image once with any strategy: store smaller images, use more "
    f"cores, or let other machines decode ({_SERVICE})."
)


def judge(
    found: Mapping,
    stages: Sequence[Mapping],
    strategy: str,
    limit: float,
    steps: int,
    asked_for: bool = False,
):
    """(line, verdict, advice) of a training.

    Args:
      found, stages: the results of `figures` and of `stages`, which may be empty.
      strategy: the input's, or "service" where a data service streams.
      limit: the largest share of the steps' time that may be spent waiting, 0..1.
      steps: the number of steps measured.
      asked_for: whether the configuration names the strategy.

    Returns:
      The line to show; "ok" or "input-bound"; what to change, or None if the verdict is "ok".
    """
    waits = found["wait"]
    waited = waits["later_epochs"] or waits["rest_of_epoch"] or waits["first_epoch"]
    if waited is None or steps < _FEWEST_STEPS:
        return f"{steps} steps are too few to judge whether the model waited", "ok", None
    share = waited["share"]
    line = f"data wait {share:.1%} of step time"
    if waited is waits["rest_of_epoch"]:
        line += f" in the rest of epoch {waited['epoch']}, after resuming"
    elif not waits["later_epochs"]:
        line += ", including the first loading"
    if found["real_to_ceiling"]:
        line += f", {Interval(**found['real_to_ceiling']).words}"
    line += f": {_bound(share)}"
    if share <= limit:
        return line, "ok", None
    return line, "input-bound", _advice(found, stages, strategy, asked_for)


def _bound(share: float) -> str:
    if share < _MODERATE:
        return "compute-bound"
    return "moderately input-bound" if share < _HIGH else "input-bound"


def _advice(found: Mapping, stages: Sequence[Mapping], strategy: str, asked_for: bool) -> str:
    if strategy == "service":
        return f"Start more workers of the data service ({_SERVICE})."
    slowest = max(stages, key=lambda stage: stage["share"], default=None)
    where = ""
    if slowest:
        where = (
            f"The slowest stage is {slowest['name']}, {slowest['milliseconds']:.1f} ms a batch. "
        )
    rest = found["wait"]["rest_of_epoch"]
    one_epoch = not found["wait"]["later_epochs"] and (not rest or rest["epoch"] == 1)
    if one_epoch and strategy == "streaming":
        return where + _STREAMED_ONCE
    if one_epoch:
        return f"{where}Train for more than one epoch: later epochs reuse what the first decoded."
    chosen_help, asked_help = _HELP.get(strategy, (_SHORT_STEPS, _SHORT_STEPS))
    return where + (asked_help if asked_for else chosen_help)
