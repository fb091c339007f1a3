"""Whether the challenger is blessed, and why not, in TFX's files and in words."""

import json
import math
import os

from tensorflow_model_analysis.proto import validation_result_pb2
from tfx.dsl.io import fileio

from components.evaluator.criteria import Criteria
from components.evaluator.reading import BLESSING_FILE, Verdict

# TFX's names, written out: importing them would import every component of TFX.
BLESSED_FILE = "BLESSED"
NOT_BLESSED_FILE = "NOT_BLESSED"
BLESSED_PROPERTY = "blessed"


def decide(
    validation: validation_result_pb2.ValidationResult,
    criteria: Criteria,
    challenger: dict[str, float],
    champion: dict[str, float],
) -> Verdict:
    """Puts TFMA's validation into words.

    A model is not blessed when no criterion is configured: nothing says that it is
    good enough. Nor is one of which a probability is no number, whatever its other metrics.
    """
    if not criteria.thresholds and not criteria.change:
        reasons = ["no threshold is configured"]
        return Verdict(False, reasons, challenger, champion)
    reasons = [
        _reason(failure, criteria, challenger, champion)
        for part in validation.metric_validations_per_slice
        for failure in part.failures
    ]
    if gives_no_numbers(challenger):
        reasons = [reason for reason in reasons if not reason.startswith("loss ")]
        reasons.insert(0, "loss is no number, because probabilities that the model gives are none")
    # A metric that was not measured fails its threshold and its change in the same words.
    reasons = list(dict.fromkeys(reasons))
    return Verdict(validation.validation_ok, reasons, challenger, champion)


def gives_no_numbers(metrics: dict[str, float]) -> bool:
    """Whether a model answered with a probability that is no number.

    Its most probable class is then the first one, which may well be the most frequent.
    """
    return math.isnan(metrics["loss"])


def _reason(failure, criteria: Criteria, challenger, champion) -> str:
    metric = failure.metric_key.name
    if metric not in challenger:
        return f"{metric} was not measured, it takes at least ten classes"
    value = challenger[metric]
    if failure.metric_key.is_diff:
        allowed = criteria.allowed_change(metric)
        return (
            f"{metric} {value:.6g} against the champion's {champion[metric]:.6g} "
            f"is worse by more than {allowed:g}"
        )
    limits = criteria.thresholds[metric]
    if limits.get("min") is not None and not value >= limits["min"]:
        return f"{metric} {value:.6g} is below {limits['min']:g}"
    return f"{metric} {value:.6g} is above {limits['max']:g}"


def write(blessing, verdict: Verdict) -> None:
    """Fills a ModelBlessing artifact.

    BLESSED or NOT_BLESSED and the property `blessed` are TFX's convention;
    blessing.json holds the reasons and metrics for whoever gets files and no
    properties.
    """
    name = BLESSED_FILE if verdict.blessed else NOT_BLESSED_FILE
    _write_text(os.path.join(blessing.uri, name), "")
    _write_text(os.path.join(blessing.uri, BLESSING_FILE), json.dumps(vars(verdict), indent=2))
    blessing.set_int_custom_property(BLESSED_PROPERTY, int(verdict.blessed))
    summary = "blessed" if verdict.blessed else f"not blessed: {'; '.join(verdict.reasons)}"
    blessing.set_string_custom_property("summary", summary)


def _write_text(file: str, text: str) -> None:
    with fileio.open(file, "w") as out:
        out.write(text)
