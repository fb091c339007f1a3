"""What proposes the values of the next trial: an oracle of KerasTuner."""

from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles

from files.strict_json import text_of
from settings.tuner import Tried, Tuner, higher_is_better


def build_oracle(tuner: Tuner, seed: int) -> keras_tuner.Oracle:
    """The oracle of `tuner.algorithm`; the same seed proposes the same values."""
    direction = "max" if higher_is_better(tuner.objective) else "min"
    options = {
        "objective": keras_tuner.Objective(tuner.objective, direction),
        "hyperparameters": _space(tuner.search_space),
        "seed": seed + 1,  # KerasTuner treats seed 0 as unset.
        # A failed trial is an outcome like any other.
        "max_consecutive_failed_trials": tuner.trials + 1,
    }
    match tuner.algorithm:
        case "random":
            oracle = oracles.RandomSearchOracle(**options)
        case "bayesian":
            oracle = _BayesianOracle(**options)
        case _:
            # The number of trials ends the search, not that of iterations.
            oracle = oracles.HyperbandOracle(
                max_epochs=tuner.epochs, hyperband_iterations=tuner.trials, **options
            )
    oracle.max_trials = tuner.trials
    # When few choices are left, 20 draws in a row miss them too often.
    oracle._max_collisions = 1000
    oracle.verbose = 0
    return oracle


class _BayesianOracle(oracles.BayesianOptimizationOracle):
    """KerasTuner's, made to stay within the ranges and never to propose the same values twice."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values that depend on the seed and the trials' outcomes only."""
        # One sequence for the whole search would start again when a killed one resumes.
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        proposed = super().populate_space(trial_id)
        if proposed["values"] is not None and self._duplicate(proposed["values"]):
            return self._random_populate_space()
        return proposed

    def _get_hp_bounds(self) -> np.ndarray:
        # For whole numbers, 1 itself stands for one beyond the last.
        return np.array([[0, 1 - 1e-6] for _ in self._nonfixed_space()])


def _space(search_space: Mapping[str, Tried]) -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    for key, allowed in sorted(search_space.items()):
        if allowed.choices is not None:
            # As JSON: KerasTuner takes text and numbers, but no lists.
            space.Choice(key, [text_of(choice) for choice in allowed.choices])
            continue
        low, high = allowed.min, allowed.max
        sampling = "log" if allowed.log else "linear"
        if isinstance(low, int) and isinstance(high, int):
            space.Int(key, low, high, sampling=sampling)
        else:
            space.Float(key, float(low), float(high), sampling=sampling)
    return space
