"""How near a training came to its ceiling, and how sure that is."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from components.trainer.input_report.step_times import Calls

FEWEST_PAIRS = 6  # of which the least and the greatest hold the median 97 times of 100
_CONFIDENCE = 0.95
_BLOCKS = 20  # of calls, to see how much the wait varies
_AT_CEILING, _CERTAIN = 0.99, 0.9


class Interval(NamedTuple):
    """Shares of the ceiling; it holds the true one with 95% confidence."""

    low: float
    middle: float
    high: float

    @property
    def words(self) -> str:
        """As in "data wait 0.1% of step time, at the ceiling (0.97 to 1.00)"."""
        bounds = f"{self.low:.2f} to {self.high:.2f}"
        if self.high < _AT_CEILING:
            return f"{bounds} of the ceiling"
        place = "at the ceiling" if self.low >= _CERTAIN else "indistinguishable from the ceiling"
        return f"{place} ({bounds})"


def of_the_ceiling(ratios: Sequence[float], calls: Calls) -> Interval | None:
    """The speed of `calls` as a share of the speed without input; None if too little is known.

    The share is the product of two: that of a step computed beside its input's loading, from
    `ratios`, and that of the time in which the calls did not wait, from the calls themselves.
    The first interval is that of a median by order statistics, which asks nothing of the noise;
    the second is two standard errors. Nothing is faster than without any input, so none of the
    three exceeds 1.

    Args:
      ratios: `Ceiling.ratios`.
      calls: those whose speed counts.
    """
    if len(ratios) < FEWEST_PAIRS or not len(calls):
        return None
    ordered = sorted(ratios)
    rank = _rank(len(ordered))
    worked, error = _worked(calls)
    bounds = (
        ordered[rank] * (worked - 2 * error),
        float(np.median(ordered)) * worked,
        ordered[-1 - rank] * (worked + 2 * error),
    )
    return Interval(*(float(np.clip(bound, 0.0, 1.0)) for bound in bounds))


def _rank(count: int) -> int:
    """How many values to leave out at each end, and hold the median with confidence."""
    rank, tail = 0, 1  # of 2 ** (count - 1): the cases in which the median lies outside
    while rank + 1 < count // 2:
        tail += math.comb(count, rank + 1)
        if tail / 2 ** (count - 1) > 1 - _CONFIDENCE:
            break
        rank += 1
    return rank


def _worked(calls: Calls) -> tuple[float, float]:
    """The share of the calls' time without waiting, and its standard error."""
    total = max(float(calls.seconds.sum()), 1e-9)
    waited = np.array([part.sum() for part in np.array_split(calls.wait, _BLOCKS)])
    seconds = np.array([part.sum() for part in np.array_split(calls.seconds, _BLOCKS)])
    share = float(calls.wait.sum()) / total
    # Of a ratio of sums: the spread of what the blocks waited beyond their part.
    spread = float(np.std(waited - share * seconds, ddof=1))
    return 1.0 - share, spread * math.sqrt(_BLOCKS) / total
