"""The transform_graph artifact: written once, then run on batches of raw examples."""

from collections.abc import Mapping
from functools import partial

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import impl_helper
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io

from components.transform import analyzers, preprocessing
from components.transform.job import Job
from components.transform.options import Preprocessing
from components.transform.shards import TransformBatch
from failures import Failure

_LABEL_TYPES = {schema_pb2.INT: tf.int64, schema_pb2.BYTES: tf.string}


def raw_features(schema: schema_pb2.Schema, options: Preprocessing) -> dict[str, tf.DType]:
    """The two raw features that are read, image and label or mask, with their types.

    Raises:
      Failure: when the schema lacks one of them, or it is of a type that cannot be used.
    """
    types = {feature.name: feature.type for feature in schema.feature}
    roles = {"image": options.image_feature, options.target: options.target_feature}
    for role, name in roles.items():
        if name not in types:
            raise Failure(
                f"Transform: the examples have no feature {name!r} for {role}_feature. "
                f"They have: {', '.join(sorted(types))}."
            )
        if role != "label" and types[name] != schema_pb2.BYTES:
            raise Failure(
                f"Transform: {role}_feature {name!r} holds numbers, not encoded "
                f"{role}s. Name a feature of type BYTES."
            )
    if options.target == "mask":
        return dict.fromkeys(roles.values(), tf.string)
    label_type = types[options.label_feature]
    if label_type not in _LABEL_TYPES:
        raise Failure(
            f"Transform: label_feature {options.label_feature!r} is of type "
            f"{schema_pb2.FeatureType.Name(label_type)}. Allowed: INT, BYTES."
        )
    return {options.image_feature: tf.string, options.label_feature: _LABEL_TYPES[label_type]}


def raw_schema(features: Mapping[str, tf.DType]) -> schema_pb2.Schema:
    """The raw features alone, one value each, as TensorFlow Transform reads them."""
    spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in features.items()}
    return dataset_metadata.DatasetMetadata.from_feature_spec(spec).schema


def write(job: Job, vocabulary_file: str | None) -> None:
    """Writes the graph as tft.TFTransformOutput reads it, with its vocabulary.

    Args:
      job: `job.graph_uri` is an empty folder.
      vocabulary_file: path of the analysed vocabulary; it is copied into the graph's assets.
        None beside masks, whose classes the graph knows.
    """
    impl_helper.analyze_in_place(
        partial(
            preprocessing.transform,
            options=job.options,
            class_names=job.class_names,
            vocabulary_file=vocabulary_file,
        ),
        force_tf_compat_v1=False,
        feature_specs=None,
        type_specs={name: tf.TensorSpec([None], dtype) for name, dtype in job.features.items()},
        transform_output_path=job.graph_uri,
    )


def write_raw_schema(job: Job) -> None:
    """Writes what TFTransformOutput.raw_feature_spec reads; the graph does not hold it."""
    metadata_io.write_metadata(
        dataset_metadata.DatasetMetadata(raw_schema(job.features)),
        f"{job.graph_uri}/{tft.TFTransformOutput.RAW_METADATA_DIR}",
    )


def load(job: Job) -> TransformBatch:
    """The saved graph as a function of serialized raw examples.

    Returns:
      A function of (batch,) serialized examples that gives image (batch,) string,
      label (batch,) int64 or mask (batch,) string, and the images' pixel sums
      (batch, 2, channels) int64.
    """
    spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in job.features.items()}
    layer = tft.TFTransformOutput(job.graph_uri).transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def transform(serialized):
        with tf.device("CPU:0"):  # no image goes to an accelerator and back
            features = tf.io.parse_example(serialized, spec)
            if job.options.mask_feature is not None:
                # The graph takes an empty mask for none, as in serving; here it is corrupt.
                whole = tf.reduce_all(features[job.options.mask_feature] != "")
                tf.debugging.Assert(whole, ["an empty mask"])
            outputs = layer(features)
            sums = analyzers.pixel_sums(outputs["image"], job.options)
        return outputs["image"], outputs[job.options.target], sums

    return transform.get_concrete_function()
