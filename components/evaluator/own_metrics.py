"""Metrics of the user's own code, over the whole split."""

import math
from collections.abc import Sequence

from components import own_code
from failures import Failure
from metrics.counts import Counts
from settings.evaluation import Evaluation


def measure(evaluation: Evaluation, counts: Counts, class_names: Sequence[str]) -> dict[str, float]:
    """Each metric of the section by its name; nan where nothing was counted.

    Raises:
      Failure: one cannot be loaded, something went wrong in it, or it gives no number.
    """
    found = {}
    for metric in evaluation.metrics:
        if not counts.total:
            found[metric.key] = math.nan
            continue
        function = own_code.function_of("Evaluator", metric.name, metric.parameters)
        value = function(counts=counts, class_names=list(class_names))
        try:
            found[metric.key] = float(value)
        except (TypeError, ValueError, OverflowError):
            raise Failure(
                f"Evaluator: {metric.name} gives {str(value)[:60]!r}; allowed: one number."
            ) from None
    return found
