"""Takes image and class out of a serialized Example, or says why it cannot be used."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from components.examples.picture_files import shown
from components.examples.reading import example_message
from settings.data import Features

_KINDS = {"bytes_list": "bytes", "int64_list": "int64", "float_list": "float"}


class Unusable(ValueError):
    """The text says what is wrong with a record, and `key` which key of `data` is about it."""

    def __init__(self, text: str, key: str | None = None):
        super().__init__(text)
        self.key = key


class Kinds(NamedTuple):
    """What features are in all records: "bytes", "int64" or "float"; "" where not known or read."""

    label: str = ""
    weight: str = ""


class ExampleCheck:
    """Reads the features of records; it holds no more than one of them."""

    def __init__(self, features: Features):
        self._features, self._message = features, example_message()

    def __call__(self, record: bytes, kinds: Kinds) -> tuple[bytes, tuple[str, ...], Kinds]:
        """Image, classes as texts (none where masks are read), and what features are.

        Args:
          record: a serialized Example.
          kinds: what features must be.

        Raises:
          Unusable: it is not one, or lacks a feature or has it in another form.
        """
        try:
            found = self._message.FromString(record).features.feature
        except DecodeError:
            raise Unusable("not a tf.train.Example") from None
        features = self._features
        image = self._one(found, "image_feature", ("bytes",))
        if features.weight_feature is not None:
            kinds = kinds._replace(weight=self._weight_kind(found, kinds.weight))
        if features.mask_feature is not None:
            self._one(found, "mask_feature", ("bytes",))
            return image, (), kinds
        allowed = (kinds.label,) if kinds.label else ("bytes", "int64")
        if features.multi_label:
            labels = self._values(found, "label_feature", allowed, is_one=False)
        else:
            labels = [self._one(found, "label_feature", allowed)]
        if not labels:
            return image, (), kinds
        if isinstance(labels[0], int):
            return image, tuple(map(str, labels)), kinds._replace(label="int64")
        texts = tuple(map(label_text, labels))
        if None in texts:
            raise self._refused("label_feature", "holds no printable text", found)
        return image, texts, kinds._replace(label="bytes")

    def _weight_kind(self, found: Mapping[str, Any], kind: str) -> str:
        weight = self._one(found, "weight_feature", (kind,) if kind else ("int64", "float"))
        if not 0 <= weight < math.inf:
            what = f"is {weight:g} instead of a number of 0 or more"
            raise self._refused("weight_feature", what, found)
        return "int64" if isinstance(weight, int) else "float"

    def _one(self, found: Mapping[str, Any], key: str, kinds: tuple[str, ...]) -> Any:
        return self._values(found, key, kinds, is_one=True)[0]

    def _values(
        self, found: Mapping[str, Any], key: str, kinds: tuple[str, ...], is_one: bool
    ) -> Sequence[Any]:
        name = getattr(self._features, key)
        if name not in found:
            raise self._refused(key, "is missing", found)
        kind = found[name].WhichOneof("kind")
        values = getattr(found[name], kind).value if kind else ()
        if is_one and len(values) != 1:
            raise self._refused(key, f"has {len(values)} values instead of one", found)
        if values and _KINDS[kind] not in kinds:
            raise self._refused(key, f"is {_KINDS[kind]} instead of {' or '.join(kinds)}", found)
        return values

    def _refused(self, key: str, what: str, found: Mapping[str, Any]) -> Unusable:
        there = ", ".join(
            f"{shown(name)} ({_KINDS.get(found[name].WhichOneof('kind'), 'empty')})"
            for name in sorted(found)
        )
        return Unusable(
            f"feature {shown(getattr(self._features, key))!r} {what}. It has: "
            f"{there or 'no features'}",
            key,
        )


def label_text(label: bytes) -> str | None:
    """The class that bytes name; None where they are not printable text."""
    try:
        text = label.decode()
    except UnicodeDecodeError:
        return None
    return text if text and shown(text) == text else None
