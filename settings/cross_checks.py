"""What does not fit together in a configuration whose sections are each right by themselves.

A file and the values of a run pass these same checks. None of them looks at a file or a network.
"""

from collections.abc import Collection, Iterator

from settings import own_code, partner_keys
from settings.partner_keys import Path
from settings.training_mistakes import mistakes_in as mistakes_in_training
from settings.training_mistakes import mistakes_in_trials


def mistakes_in(configuration, of_run: Collection[str] = ()) -> Iterator[tuple[Path, str]]:
    """(path of a key, what is wrong with it) of what another section rules out.

    Args:
      of_run: keys whose values a run gave, and no file.
    """
    yield from _in_evaluation(configuration)
    yield from _in_training(configuration)
    yield from _in_freezing(configuration)
    yield from partner_keys.mistakes_in(configuration, of_run)


def weights_of(configuration) -> list[tuple[Path, str]]:
    """(the key, the place) of all weights that a training may begin with."""
    key = ("model", "weights")
    named = [(key, configuration.model.weights)]
    path = ("tuner", "search_space", ".".join(key))
    tried = getattr(_tried(configuration, key), "choices", None)
    named += [(path, choice) for choice in tried or ()]
    return [(path, place) for path, place in named if place is not None]


def _in_evaluation(configuration):
    """A bound can only be on a metric that the task has, and where its values are."""
    evaluation = configuration.evaluation
    unmeasured = evaluation.not_measured(configuration.data.task)
    for *path, mistake in (*unmeasured, *evaluation.never_reached()):
        yield ("evaluation", *path), mistake


def _in_training(configuration):
    """A recipe must fit the examples, and the Tuner's trials."""
    training, tuner = configuration.training, configuration.tuner
    in_trials = mistakes_in_trials(training, tuner.epochs) if tuner else ()
    # What the Tuner tries takes the place of what is given.
    kept = [one for one in in_trials if not _tried(configuration, ("training", one[0]))]
    for key, mistake in (*mistakes_in_training(training, configuration.data), *kept):
        yield ("training", *key.split(".")), mistake


def _in_freezing(configuration):
    # A user's network may load weights by itself.
    if weights_of(configuration) or own_code.is_own(configuration.model.name):
        return
    training = configuration.training
    path, wrong = ("training", "freeze_epochs"), training.freeze_epochs
    by = training.origin("freeze_epochs")
    if tried := _tried(configuration, path):
        path, by = ("tuner", "search_space", ".".join(path)), ""
        wrong = max(tried.examples)
    if wrong:
        yield (
            path,
            f"given {wrong}{by}, and model.weights is missing; allowed without it: 0, as random "
            "weights must be trained",
        )


def _tried(configuration, path):
    """What the Tuner tries for the key at a path; None for a key that it leaves alone."""
    tuner = configuration.tuner
    return tuner and tuner.search_space.get(".".join(path))
