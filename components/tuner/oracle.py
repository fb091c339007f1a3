"""What proposes the values of the next trial: an oracle of KerasTuner."""

import json
from collections.abc import Mapping
from typing import Any

import keras_tuner
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
            oracle = oracles.BayesianOptimizationOracle(**told)
        case _:
            # Iterations for ever: the number of trials ends the search.
            oracle = oracles.HyperbandOracle(
                max_epochs=parameters.epochs, hyperband_iterations=parameters.trials, **told
            )
    oracle.max_trials = parameters.trials
    oracle.verbose = 0
    return oracle


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
