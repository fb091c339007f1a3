"""The preprocessing graph that Transform made, and what stands beside it."""

import os

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import TFTransformOutput
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from components.transform.reading import read_class_counts
from failures import Failure, SurroundingsFailure
from files import places
from settings.data import Features

VOCABULARY = "labels"
PIXEL_STATISTICS_FILE = "pixel_statistics.json"
_DTYPES = {schema_pb2.BYTES: tf.string, schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32}
_NEXT = "Run Transform again with this configuration."


class TransformGraph:
    """From raw features to the image's bytes and the label's class, or the mask's bytes."""

    def __init__(self, uri, loader, feature_spec, features, statistics, labels, vocabulary_file):
        self._uri = uri
        self._loader = loader
        self._feature_spec = feature_spec
        self.features: Features = features  # of the raw Examples that it takes
        self.image_shape = tuple(statistics["shape"])  # (height, width, channels)
        # Of each channel over the training split, 0..255.
        self.pixel_mean, self.pixel_std = statistics["mean"], statistics["std"]
        self.labels: list[str] = labels  # in the order of the classes
        self.vocabulary_file: str = vocabulary_file  # with one of them a line
        self.saved_model = loader._imported  # what a module that calls it must keep to be saved

    @classmethod
    def load(cls, uri: str, schema: schema_pb2.Schema, features: Features) -> "TransformGraph":
        """Loads what Transform wrote; raises a Failure if it takes or gives other features."""
        output = TFTransformOutput(uri)
        try:
            labels = [name.decode() for name in output.vocabulary_by_name(VOCABULARY)]
        except ValueError as error:
            raise Failure(
                f'The transform graph {uri} has no vocabulary "{VOCABULARY}". {_NEXT}'
            ) from error
        statistics = places.read_json(os.path.join(uri, PIXEL_STATISTICS_FILE)) or {}
        if "shape" not in statistics:
            raise SurroundingsFailure(
                f"The transform graph {uri} does not say its images' shape. {_NEXT}"
            )
        # TFT's Keras 2 layer calls this same loader; saved inside one, a model takes ten times
        # as long to export (3 s against 0.3 s), because Keras traces each of its calls anew.
        loader = SavedModelLoader(output.transform_savedmodel_dir)
        vocabulary_file = output.vocabulary_file_by_name(VOCABULARY)
        spec = output.raw_feature_spec()
        graph = cls(uri, loader, spec, features, statistics, labels, vocabulary_file)
        graph._check_features(uri, schema)
        return graph

    def class_counts(self) -> list[int]:
        """Examples of the training split by class, or for segmentation its pixels.

        Raises:
          Failure: Transform did not count them.
        """
        counts = read_class_counts(self._uri)
        if counts is None:
            raise Failure(f"The transform graph {self._uri} does not count its classes. {_NEXT}")
        return [counts.get(name, 0) for name in self.labels]

    def parse(self, examples: tf.Tensor, *names: str) -> dict:
        """The features `names` of raw serialized Examples (batch,), as the graph takes them."""
        return tf.io.parse_example(examples, {name: self._feature_spec[name] for name in names})

    def images(self, raw_images) -> tf.Tensor:
        """(batch, height, width, channels) uint8 of the raw image feature, parsed."""
        transformed = self._loader.apply_transform_model({self.features.image_feature: raw_images})
        pixels = tf.io.decode_raw(transformed["image"], tf.uint8)
        return tf.reshape(pixels, (-1, *self.image_shape))

    def transform(self, features: dict) -> dict[str, tf.Tensor]:
        """`image` (batch,) string of raw pixels; `label` (batch,) int64, or `mask` (batch,)
        string of raw class ids."""
        transformed = self._loader.apply_transform_model(features)
        return {name: transformed[name] for name in self._outputs}

    @property
    def _outputs(self) -> tuple[str, str]:
        return ("image", self.features.target)

    def as_feature(self, encoded: tf.Tensor) -> tf.Tensor:
        """Encoded images (batch,) string as parsing Examples would give them to the graph."""
        return tf.reshape(encoded, (-1, *self._feature_spec[self.features.image_feature].shape))

    def _check_features(self, uri: str, schema: schema_pb2.Schema) -> None:
        types = {feature.name: feature.type for feature in schema.feature}
        for name in (self.features.image_feature, self.features.target_feature):
            if name not in self._feature_spec:
                raise Failure(
                    f'The transform graph {uri} takes no feature "{name}". '
                    f"Take one of these: {', '.join(sorted(self._feature_spec))}."
                )
            taken = self._feature_spec[name].dtype
            if _DTYPES.get(types.get(name)) != taken:
                raise Failure(
                    f'The transform graph {uri} takes the feature "{name}" as {taken.name}, '
                    f"which is not its type in the schema. {_NEXT}"
                )
        for name in self._outputs:
            if name not in self._loader.structured_outputs:
                raise Failure(f'The transform graph {uri} gives no "{name}". {_NEXT}')
