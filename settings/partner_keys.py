"""Keys that change nothing without another one, so that none is given in vain."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Path = tuple[str, ...]


class Partner(NamedTuple):
    """What a key needs.

    Attributes:
      key: the other key.
      words: the values of that one which bring the first key into play.
      holds: whether a value is one of these.
    """

    key: str
    words: str
    holds: Callable[[Any], bool]


PARTNERS = {
    "training.focal_gamma": Partner("training.loss", "focal", lambda loss: loss == "focal"),
    "augmentation.randaugment_magnitude": Partner("augmentation.randaugment", "above 0", bool),
    "serving.export_images": Partner(
        "serving.export", "that names tflite_int8", lambda formats: "tflite_int8" in formats
    ),
    "serving.export_tolerance": Partner("serving.export", "that names a format", bool),
}


def mistakes_in(configuration) -> Iterator[tuple[Path, str]]:
    """(path of a key, what is wrong with it) of keys that are given or searched in vain."""
    searched = configuration.tuner.search_space if configuration.tuner else {}
    for key, partner in PARTNERS.items():
        value, default = _value_and_default(configuration, key)
        others = _value_and_default(configuration, partner.key)[:1]
        if partner.key in searched:
            others = searched[partner.key].examples
        of_a_run = partner.key in configuration.kubeflow.parameters.values()
        if of_a_run or any(map(partner.holds, others)):
            continue
        ignored = f"ignored with {partner.key} {others[0]}"
        allowed = f"allowed: with {partner.key} {partner.words}"
        if key in searched:
            yield ("tuner", "search_space", key), f"{ignored}; {allowed}"
        # What a run keeps of its configuration has every key, most of them with the default.
        elif value != default:
            yield tuple(key.split(".")), f"given {value}, {ignored}; {allowed}"


def _value_and_default(configuration, key: str) -> tuple[Any, Any]:
    section, _, name = key.partition(".")
    section = getattr(configuration, section)
    return getattr(section, name), type(section).model_fields[name].default
