"""What proposes the values of the next trial: an oracle of KerasTuner."""

import json
from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles

from components.tuner.tuner_parameters import TunerParameters


def build_oracle(parameters: TunerParameters, seed: int) -> keras_tuner.Oracle:
    """The oracle of `parameters.algorithm`; the same seed proposes the same values."""
    told = {
        "objective": keras_tuner.Objective(parameters.objective, parameters.direction),
        "hyperparameters": _space(parameters.search_space),
        "seed": seed + 1,  # Of 0 KerasTuner thinks that none was given.
        # Values that cannot be trained with are an outcome like any other.
        "max_consecutive_failed_trials": parameters.trials + 1,
    }
    match parameters.algorithm:
        case "random":
            oracle = oracles.RandomSearchOracle(**told)
        case "bayesian":
            oracle = _BayesianOracle(**told)
        case _:
            # Iterations for ever: the number of trials ends the search.
            oracle = oracles.HyperbandOracle(
                max_epochs=parameters.epochs, hyperband_iterations=parameters.trials, **told
            )
    oracle.max_trials = parameters.trials
    # Of the last few choices that are left, 20 draws in a row find none too often.
    oracle._max_collisions = 1000
    oracle.verbose = 0
    return oracle


class _BayesianOracle(oracles.BayesianOptimizationOracle):
    """KerasTuner's, which never proposes the same values twice and stays within the ranges."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """As KerasTuner's, of the seed and the trials' outcomes alone."""
        # One sequence for the whole search would begin anew where a killed one goes on.
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        proposed = super().populate_space(trial_id)
        if proposed["values"] is not None and self._duplicate(proposed["values"]):
            return self._random_populate_space()
        return proposed

    def _get_hp_bounds(self) -> np.ndarray:
        # The end itself is, of whole numbers, one beyond the last: theirs is below 1.
        return np.array([[0, 1 - 1e-6] for _ in self._nonfixed_space()])


def _space(search_space: Mapping[str, Mapping[str, Any]]) -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    for key, allowed in sorted(search_space.items()):
        if "choices" in allowed:
            # As JSON: KerasTuner knows texts and numbers, but no lists.
            space.Choice(key, [json.dumps(choice) for choice in allowed["choices"]])
            continue
        low, high = allowed["min"], allowed["max"]
        sampling = "log" if allowed.get("log") else "linear"
        if isinstance(low, int) and isinstance(high, int):
            space.Int(key, low, high, sampling=sampling)
        else:
            space.Float(key, float(low), float(high), sampling=sampling)
    return space
