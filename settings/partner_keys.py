"""Keys that change nothing without another one, so that none is given in vain."""

from collections.abc import Callable, Collection, Iterator
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
    "preprocessing.max_dropped": Partner(
        "preprocessing.on_corrupt_image", "drop", lambda policy: policy == "drop"
    ),
    "preprocessing.on_corrupt_image": Partner("preprocessing.max_dropped", "above 0", bool),
    "augmentation.randaugment_magnitude": Partner("augmentation.randaugment", "above 0", bool),
    "serving.export_images": Partner(
        "serving.export", "that names tflite_int8", lambda formats: "tflite_int8" in formats
    ),
    "serving.export_tolerance": Partner("serving.export", "that names a format", bool),
}


def mistakes_in(configuration, of_run: Collection[str] = ()) -> Iterator[tuple[Path, str]]:
    """(path of a key, what is wrong with it) of keys that are given or searched in vain.

    Args:
      of_run: keys that a run of the configuration gives. A key that the file gives may wait for a
        run that gives its partner; these have no other run to wait for.
    """
    searched = configuration.tuner.search_space if configuration.tuner else {}
    for key, partner in PARTNERS.items():
        value, default = _value_and_default(configuration, key)
        others = _value_and_default(configuration, partner.key)[:1]
        if partner.key in searched:
            others = searched[partner.key].examples
        waits = partner.key in configuration.kubeflow.parameters.values() and key not in of_run
        if waits or any(map(partner.holds, others)):
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
