"""Whether the challenger is blessed, and why not, in words and in TFX's files."""

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence

from components.evaluator.bounds import Bound
from components.evaluator.reading import BLESSING_FILE, Verdict
from files import writing
from metrics import catalog
from settings.evaluation import Evaluation

# TFX's names; importing them would import every component of TFX.
BLESSED_FILE = "BLESSED"
NOT_BLESSED_FILE = "NOT_BLESSED"
BLESSED_PROPERTY = "blessed"


def decide(
    evaluation: Evaluation,
    broken: Sequence[Bound],
    challenger: Mapping[str, float],
    champion: Mapping[str, float],
) -> Verdict:
    """The verdict in words.

    Without any bound nothing says that a model is good enough, so it is not blessed. Nor is
    one that answers with a probability of nan, whatever its other metrics: its most probable
    class is then the first one, which may well be the most frequent.
    """
    # A metric that was not measured breaks its threshold and its change for the same reason.
    reasons = list(dict.fromkeys(_reason(bound, challenger) for bound in broken))
    if not evaluation.thresholds and not evaluation.change:
        reasons = ["no threshold is configured"]
    elif math.isnan(challenger["loss"]):
        reasons = [reason for reason in reasons if not reason.startswith("loss ")]
        reasons.insert(0, "loss is nan, because the model answers with probabilities of nan")
    return Verdict(not reasons, reasons, dict(challenger), dict(champion))


def _reason(bound: Bound, challenger: Mapping[str, float]) -> str:
    if bound.metric in challenger:
        return bound.reason
    fewest = getattr(catalog.load(bound.metric), "FEWEST_CLASSES", None)
    return f"{bound.metric} was not measured" + (
        f": it needs at least {fewest} classes" if fewest else ""
    )


def write(blessing, verdict: Verdict) -> None:
    """Fills a ModelBlessing artifact.

    BLESSED or NOT_BLESSED and the property `blessed` are TFX's convention; blessing.json
    holds the reasons and metrics for whoever gets files without properties.
    """
    text = json.dumps(dataclasses.asdict(verdict), indent=2)
    writing.write(os.path.join(blessing.uri, BLESSING_FILE), text)
    name = BLESSED_FILE if verdict.blessed else NOT_BLESSED_FILE
    writing.write(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(BLESSED_PROPERTY, int(verdict.blessed))
    summary = "blessed" if verdict.blessed else f"not blessed: {'; '.join(verdict.reasons)}"
    blessing.set_string_custom_property("summary", summary)
