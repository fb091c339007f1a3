"""Makes a record of a message, or says why it is a dead letter."""

import functools
from collections.abc import Sequence
from typing import Any

from components.examples.picture_files import MOST_BYTES
from components.examples.reading import serialized_pieces
from components.image_files import HEAD, KINDS, is_whole, kind_of
from components.tfrecords_example_gen.example_check import (
    ExampleCheck,
    Kinds,
    Unusable,
    label_text,
)
from settings.data import Features
from settings.ingest import Ingest


class DeadLetter(Exception):
    """The text is the reason; `kind` is what dead letters are counted by."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


class ImageMessages:
    """Messages whose value is an image and whose class is in a header."""

    kinds = Kinds(label="bytes")

    def __init__(self, ingest: Ingest, features: Features):
        self._header, self._features = ingest.label_header, features

    def record(self, message) -> list[bytes]:
        """The pieces of the serialized Example of a message; raises DeadLetter."""
        image, features = message.value(), self._features
        check_image(image)
        label = self._label(message)
        return serialized_pieces({features.image_feature: image, features.label_feature: label})

    def _label(self, message) -> bytes:
        try:
            headers = message.headers() or ()
        except UnicodeDecodeError:
            raise DeadLetter("unlabelled", "a header's name is not UTF-8") from None
        # The last one of a name counts, as for Kafka's own lastHeader.
        found = [value for name, value in headers if name == self._header][-1:]
        if not found:
            raise DeadLetter("unlabelled", f"no header {self._header!r}")
        if not found[0] or not _is_printable(found[0]):
            raise DeadLetter("unlabelled", f"header {self._header!r} holds no printable text")
        return found[0]


class ExampleMessages:
    """Messages whose value is a serialized tf.train.Example, which is kept byte for byte."""

    def __init__(self, features: Features, class_names: Sequence[str], kinds: Kinds):
        self._check, self._class_names = ExampleCheck(features), class_names
        self.kinds = kinds  # of all spans

    def record(self, message) -> list[bytes]:
        """The value of a message; raises DeadLetter."""
        value: Any = message.value()
        if not value:
            raise DeadLetter("empty", "the value is empty")
        try:
            image, classes, kinds = self._check(value, self.kinds)
        except Unusable as error:
            known = error.key is not None
            raise DeadLetter("feature" if known else "no Example", str(error)) from None
        check_image(image)
        names = self._class_names
        if names and kinds.label == "bytes":
            raise DeadLetter("class", "the class is bytes; data.class_names are of whole numbers")
        for label in classes if names else ():
            if not 0 <= int(label) < len(names):
                wrong = f"class {label} is not one of the {len(names)} data.class_names"
                raise DeadLetter("class", wrong)
        self.kinds = kinds
        return [value]


@functools.lru_cache(4096)  # Classes are few, and messages many.
def _is_printable(label: bytes) -> bool:
    return label_text(label) is not None


def check_image(image: bytes | None) -> None:
    """Raises DeadLetter for what Transform could not decode, as far as its bytes show."""
    if not image:
        raise DeadLetter("empty", "the image is empty")
    if len(image) > MOST_BYTES:
        raise DeadLetter("huge", f"the image is above {MOST_BYTES >> 20} MiB")
    kind = kind_of(image[:HEAD])
    if not kind:
        raise DeadLetter("no image", f"the image is not a {KINDS}")
    if not is_whole(image, kind):
        raise DeadLetter("broken", f"the {kind} is cut off")
