"""What is learnt from the training split: its labels and its pixel values.

Each analysis is one Beam CombineFn over batches. TensorFlow Transform runs it as
an analyzer of the preprocessing_fn; in process it is fed directly.

tft.vocabulary orders by frequency, so one more example could renumber the
classes; here they keep their natural order. tft.var adds up float32; here sums
are whole numbers, exact and the same in every order of the data.
"""

import json
from collections.abc import Iterable, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import beam as tft_beam

from components.transform.options import Preprocessing
from failures import Failure
from files import writing

# A lookup table cannot be made of an empty file. Examples without a label stay without a class.
_NO_LABEL = b"0\n"


class LabelVocabulary(beam.CombineFn):
    """The distinct labels of batches, in natural order.

    A batch is a (batch,) array, int64 class ids or bytes. The output is one line
    a label: ids rise numerically and are written as their class name when there
    are names; texts rise lexicographically. An id without a name and an empty
    text are no labels: they stay out of the vocabulary. Where that leaves none, one line
    that stands for nothing is written.
    """

    def __init__(self, class_names: Sequence[str] | None):
        self._class_names = class_names

    def create_accumulator(self) -> set:
        return set()

    def add_input(self, labels: set, batch: np.ndarray) -> set:
        return labels | set(np.unique(batch).tolist())

    def merge_accumulators(self, accumulators: Iterable[set]) -> set:
        return set().union(*accumulators)

    def extract_output(self, labels: set) -> bytes:
        if self._class_names is None:
            lines = [_line(label) for label in sorted(labels) if label != b""]
        else:
            known = range(len(self._class_names))
            lines = [
                _line(self._class_names[label].encode()) for label in sorted(labels & set(known))
            ]
        return b"".join(line + b"\n" for line in lines) or _NO_LABEL


def _line(label: int | bytes) -> bytes:
    if isinstance(label, int):
        return str(label).encode()
    if b"\n" in label or b"\r" in label:
        raise Failure(
            f"Transform: label {label.decode(errors='replace')!r} holds a line break, and the "
            "vocabulary has one label a line. Rename the label in the dataset."
        )
    try:
        label.decode()
    except UnicodeDecodeError as error:
        shown = label.decode(errors="backslashreplace")
        raise Failure(
            f"Transform: label '{shown}' is no text in UTF-8. Rename the label in the dataset."
        ) from error
    return label


class PixelStatistics(beam.CombineFn):
    """Mean and standard deviation of every channel, over all pixels of all images.

    A batch is a (batch, 2, channels) int64 array: each image's sum of values and
    sum of squares. The output is JSON: {"mean": [channels], "std": [channels]},
    0 to 255, the standard deviation that of the population.
    """

    def __init__(self, options: Preprocessing):
        self._channels = options.channels
        self._pixels_per_image = options.height * options.width

    def create_accumulator(self) -> tuple[int, list[list[int]]]:
        return 0, [[0] * self._channels] * 2

    def add_input(self, accumulator, batch: np.ndarray) -> tuple[int, list[list[int]]]:
        return self.merge_accumulators([accumulator, (len(batch), batch.sum(axis=0).tolist())])

    def merge_accumulators(self, accumulators) -> tuple[int, list[list[int]]]:
        counts, sums = zip(*accumulators, strict=True)
        # Python's whole numbers: int64 would overflow at some billion images.
        return sum(counts), [
            [sum(channel) for channel in zip(*rows, strict=True)]
            for rows in zip(*sums, strict=True)
        ]

    def extract_output(self, accumulator) -> bytes:
        images, (totals, squares) = accumulator
        pixels = max(images * self._pixels_per_image, 1)
        mean = [total / pixels for total in totals]
        variance = [
            (square * pixels - total * total) / (pixels * pixels)
            for total, square in zip(totals, squares, strict=True)
        ]
        return json.dumps({"mean": mean, "std": [value**0.5 for value in variance]}).encode()


def pixel_sums(images: tf.Tensor, options: Preprocessing) -> tf.Tensor:
    """What PixelStatistics wants to know of each image.

    Args:
      images: (batch,) string, raw uint8 pixels.
      options: the images' size.

    Returns:
      (batch, 2, channels) int64: the sum of values and the sum of squares.
    """
    pixels = tf.reshape(
        tf.io.decode_raw(images, tf.uint8), (-1, options.height, options.width * options.channels)
    )
    values = tf.cast(pixels, tf.int32)  # (batch, height, width * channels)

    def per_channel(columns):
        rows = tf.reshape(tf.cast(columns, tf.int64), (-1, options.width, options.channels))
        return tf.reduce_sum(rows, axis=1)  # (batch, channels)

    # A column's sum of squares fits int32 up to a height of 33,025; int64 all the way is slower.
    sums = tf.reduce_sum(values, axis=1)
    squares = tf.reduce_sum(values * values, axis=1)
    return tf.stack([per_channel(sums), per_channel(squares)], axis=1)


class _ToAsset(tft_beam.experimental.PTransformAnalyzer):
    """Runs a CombineFn whose output is a file's content, and gives the file's path."""

    def __init__(self, combine_fn: beam.CombineFn, file_name: str):
        super().__init__()
        self._combine_fn = combine_fn
        self._file_name = file_name

    def expand(self, batches):
        path = f"{self.base_temp_dir}/{self._file_name}"
        return (
            batches
            | "TheTensor" >> beam.Map(lambda batch: batch[0])
            | "Combine" >> beam.CombineGlobally(self._combine_fn)
            | "Write" >> beam.Map(write_file, path)
        )


def write_file(content: bytes, path: str) -> np.ndarray:
    """Writes a small file with its folder, and returns the path as an analyzer's output."""
    writing.write(path, content)
    return np.array(path, dtype=object)


def analyze(combine_fn: beam.CombineFn, tensor: tf.Tensor, file_name: str) -> tf.Tensor:
    """Applies a CombineFn over the whole training split, as a TensorFlow Transform analyzer.

    Args:
      combine_fn: takes batches of `tensor` as arrays; its output is a file's content.
      tensor: (batch, ...) of the preprocessing_fn.
      file_name: name of the asset that holds the output.

    Returns:
      () string, the asset's path.
    """
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[tensor],
        ptransform=_ToAsset(combine_fn, file_name),
        output_dtypes=[tf.string],
        output_shapes=[[]],
        output_asset_default_values=[b"0\n"],
        name=file_name.replace(".", "_"),
    )
    return path
