"""Transformed examples as records that are all of one size.

So the input function reads any run of them in place: it needs no second copy on the disk.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

_HEADER_BYTES, _FOOTER_BYTES = 12, 4  # around each record of a TFRecord file
MESSAGE = slice(_HEADER_BYTES, -_FOOTER_BYTES)  # of such a record, what it holds
_VARINT_BYTES = 10  # the most that an int64 takes


class FixedExample:
    """tf.train.Examples that hold the same features, each value always at the same bytes.

    All around the values is the same in every one and made once, and a whole batch at a time gets
    its values: for small images 25 times as fast as building a message for each.

    Args:
      forms: of each feature's value, how many bytes it has, or "int64" or "float32" for a number.

    Attributes:
      record_bytes: the size of one in a TFRecord file.
    """

    def __init__(self, forms: Mapping[str, int | str]):
        example = tf.train.Example()
        for name, form in forms.items():
            feature = example.features.feature[name]
            if form == "int64":
                # Negative numbers take all ten bytes of a varint, as every number does here.
                feature.int64_list.value.append(-1)
            elif form == "float32":
                feature.float_list.value.append(0.0)
            else:
                feature.bytes_list.value.append(bytes(form))
        self._forms = dict(forms)
        self._template = example.SerializeToString(deterministic=True)  # sorted by name
        self.record_bytes = _HEADER_BYTES + len(self._template) + _FOOTER_BYTES
        self._values: dict[str, slice] = {}
        end = 0
        for name in sorted(forms):
            # No byte before a value is 0: tags, lengths and names are not.
            form = forms[name]
            value = _varint(-1) if form == "int64" else bytes(4 if form == "float32" else form)
            start = self._template.index(value, end)
            end = start + len(value)
            self._values[name] = slice(start, end)

    def encode_batch(self, columns: Mapping[str, np.ndarray | Sequence]) -> np.ndarray:
        """A batch of them, serialized, each with room for what a TFRecord file has around it.

        Args:
          columns: of each feature, (batch, size) uint8, or (batch,) of numbers.

        Returns:
          (batch, record_bytes) uint8, a message at `MESSAGE` of each row.
        """
        template = np.frombuffer(
            bytes(_HEADER_BYTES) + self._template + bytes(_FOOTER_BYTES), np.uint8
        )
        records = np.tile(template, (len(next(iter(columns.values()))), 1))
        for name in self._values:
            records[:, self.place(name)] = self._bytes_of(columns[name], self._forms[name])
        return records

    def encode(self, values: Mapping[str, bytes | int | float]) -> bytes:
        """One of them, serialized."""
        columns = {
            name: np.frombuffer(value, np.uint8)[None] if isinstance(value, bytes) else [value]
            for name, value in values.items()
        }
        return self.encode_batch(columns)[0, MESSAGE].tobytes()

    def renumbered(self, serialized: bytes, name: str, numbers: Mapping[int, int]) -> bytes:
        """One of them, with another number for that of an int64 feature."""
        place = self._values[name]
        value = serialized[place]
        number = sum((byte & 127) << 7 * digit for digit, byte in enumerate(value))
        return serialized[: place.start] + _varint(numbers[number]) + serialized[place.stop :]

    @staticmethod
    def _bytes_of(column: np.ndarray | Sequence, form: int | str) -> np.ndarray:
        """(batch, size) uint8."""
        if form == "int64":
            return _varints(column)
        if form == "float32":
            return np.asarray(column, "<f4")[:, None].view(np.uint8)
        return column

    def may_fill(self, file: str) -> bool:
        """Whether a file's size and beginning are those of a TFRecord file of them."""
        start = next(iter(self._values.values())).start
        with tf.io.gfile.GFile(file, "rb") as stream:
            header, begun = stream.read(_HEADER_BYTES), stream.read(start)
        if not header:
            return True
        same = header[:8] == len(self._template).to_bytes(8, "little")
        whole = tf.io.gfile.stat(file).length % self.record_bytes == 0
        return same and whole and begun == self._template[:start]

    def are(self, serialized: tf.Tensor) -> tf.Tensor:
        """Whether all of some serialized examples, (batch,) string, are of this form: () bool."""

        def same_between_values():
            begin, same = 0, tf.constant(True)
            for place in self._values.values():
                between = tf.strings.substr(serialized, begin, place.start - begin)
                same &= tf.reduce_all(between == self._template[begin : place.start])
                begin = place.stop
            return same

        of_one_size = tf.reduce_all(tf.strings.length(serialized) == len(self._template))
        return tf.cond(of_one_size, same_between_values, lambda: tf.constant(False))

    def parsed(self, serialized: tf.Tensor, names: Sequence[str]) -> tuple[tf.Tensor, ...]:
        """These features' values, as `values` gives them, in serialized examples of this form."""
        rows = tf.io.decode_raw(serialized, tf.uint8)
        rows = tf.ensure_shape(rows, (serialized.shape[0], len(self._template)))
        return tuple(self.decoded(rows[:, self._values[name]], name) for name in names)

    def values(self, records: tf.Tensor, name: str) -> tf.Tensor:
        """A feature's values in records as they lie in a file, (batch, record_bytes) uint8.

        Returns:
          (batch, size) uint8, or (batch,) int64 or float32 of numbers.
        """
        return self.decoded(records[:, self.place(name)], name)

    def place(self, name: str) -> slice:
        """Where a record as it lies in a file has the feature's value."""
        place = self._values[name]
        return slice(_HEADER_BYTES + place.start, _HEADER_BYTES + place.stop)

    def decoded(self, found: tf.Tensor, name: str) -> tf.Tensor:
        """`values`, of what lies at the feature's place in each record."""
        if self._forms[name] == "float32":
            return tf.bitcast(found, tf.float32)  # (batch, 4) to (batch,)
        if self._forms[name] != "int64":
            return found
        bits = tf.bitwise.left_shift(tf.cast(found & 127, tf.int64), tf.range(0, 70, 7, tf.int64))
        return tf.reduce_sum(bits, axis=1)  # Of the tenth byte, all but one bit falls off.


def _varints(numbers: np.ndarray | Sequence[int]) -> np.ndarray:
    """(batch,) int64 as protobuf varints of ten bytes; leading zeros are allowed in one.

    Returns:
      (batch, 10) uint8.
    """
    bits = np.asarray(numbers, np.int64).view(np.uint64)[:, None]
    digits = (bits >> np.arange(0, 7 * _VARINT_BYTES, 7, dtype=np.uint64) & 127).astype(np.uint8)
    digits[:, :-1] |= 128
    return digits


@functools.cache
def _varint(number: int) -> bytes:
    return _varints([number])[0].tobytes()
