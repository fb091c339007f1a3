"""What proposes the values of the next trial: an oracle of KerasTuner."""

import math
from collections.abc import Mapping, Sequence
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
            values = math.prod(map(_values, tuner.search_space.values()))
            oracle = _HyperbandOracle(tuner.trials, values, max_epochs=tuner.epochs, **options)
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


class _HyperbandOracle(oracles.HyperbandOracle):
    """KerasTuner's, made to begin no bracket that the search would leave before its last round.

    The first round of a bracket has many trials of few epochs, the last one few of all epochs; the
    higher a bracket's number, the more trials. In bracket 0 every trial has all epochs.

    Args:
      trials: how many the search has.
      values: how many different ones the search space has.
    """

    def __init__(self, trials: int, values: float, **options):
        self._most_trials, self._most_values = trials, values
        # The number of trials ends the search, not that of iterations.
        super().__init__(hyperband_iterations=trials, **options)

    def _start_new_bracket(self) -> None:
        while self._current_bracket and not self._fits(self._current_bracket):
            self._current_bracket -= 1
        super()._start_new_bracket()

    def _fits(self, bracket: int) -> bool:
        rounds = [trial.hyperparameters.values["tuner/round"] for trial in self.trials.values()]
        trials, values = self._most_trials - len(rounds), self._most_values - rounds.count(0)
        enough = self._trials_of(bracket) <= trials - self._awaited(self._brackets)
        return enough and self._get_size(bracket, 0) <= values

    def _random_trial(self, trial_id: str, bracket: dict[str, Any]) -> dict[str, Any]:
        # While a round ends, a bracket has no trial to give, but will need those that are left.
        others = [one for one in self._brackets if one is not bracket]
        left = self._most_trials - len(self.trials)
        if self.ongoing_trials and left <= self._awaited(others):
            return {"status": "IDLE"}
        return super()._random_trial(trial_id, bracket)

    def _awaited(self, brackets: Sequence[dict[str, Any]]) -> int:
        """How many trials these brackets still need."""
        return sum(
            self._trials_of(one["bracket_num"]) - sum(map(len, one["rounds"])) for one in brackets
        )

    def _trials_of(self, bracket: int) -> int:
        rounds = range(self._get_num_rounds(bracket))
        return sum(self._get_size(bracket, number) for number in rounds)


def _values(tried: Tried) -> float:
    """How many different values of one key there are."""
    if tried.choices is not None:
        return len(tried.choices)
    return tried.max - tried.min + 1 if tried.is_whole else math.inf


def _space(search_space: Mapping[str, Tried]) -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    for key, allowed in sorted(search_space.items()):
        if allowed.choices is not None:
            # As JSON: KerasTuner takes text and numbers, but no lists.
            space.Choice(key, [text_of(choice) for choice in allowed.choices])
            continue
        low, high = allowed.min, allowed.max
        sampling = "log" if allowed.log else "linear"
        if allowed.is_whole:
            space.Int(key, low, high, sampling=sampling)
        else:
            space.Float(key, float(low), float(high), sampling=sampling)
    return space
