"""The transform_graph artifact: written once, then run on batches of raw examples."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import graph_context, impl_helper
from tensorflow_transform.saved import saved_transform_io_v2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io

from components.tasks.transform import transform_of
from components.transform.job import Job
from components.transform.labels import OUT_OF_VOCABULARY
from components.transform.preprocessing import preprocessing_fn
from components.transform.shards import TransformBatch
from failures import Failure
from files import places
from settings.data import WEIGHT, Features

_WEIGHT_TYPES = {schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32}


def raw_types(schema: schema_pb2.Schema, features: Features) -> dict[str, tf.DType]:
    """The types of the two raw features that are read: the image, and the label or mask.

    Raises:
      Failure: the schema lacks one of them, or its type cannot be used.
    """
    types = {feature.name: feature.type for feature in schema.feature}
    part = transform_of(features.task)
    image, target = features.image_feature, features.target_feature
    for role, name in {"image": image, part.ROLE: target}.items():
        if name not in types:
            raise Failure(
                f"Transform: the examples have no feature {name!r} for {role}_feature. "
                f"They have: {', '.join(sorted(types))}."
            )
    if types[image] != schema_pb2.BYTES:
        raise Failure(
            f"Transform: image_feature {image!r} holds numbers, not encoded images. Name a feature "
            "of type BYTES."
        )
    return {image: tf.string, target: part.raw_type(target, types[target])}


def weight_type(schema: schema_pb2.Schema, features: Features) -> tf.DType | None:
    """The type of the raw examples' weights; None where they have none.

    Raises:
      Failure: the schema lacks them, or they are not numbers.
    """
    name = features.weight_feature
    if name is None:
        return None
    types = {feature.name: feature.type for feature in schema.feature}
    if types.get(name) not in _WEIGHT_TYPES:
        numbers = sorted(other for other, kind in types.items() if kind in _WEIGHT_TYPES)
        raise Failure(
            f"Transform: the examples have no number {name!r} for weight_feature. "
            f"Their numbers: {', '.join(numbers) or 'none'}."
        )
    return _WEIGHT_TYPES[types[name]]


def unnamed_weights(schema: schema_pb2.Schema, features: Features) -> str | None:
    """A remark on weights that the pipeline wrote and that no feature names, or None.

    The section `data` names them by itself; features that are given alone may not.
    """
    if features.weight_feature is not None or WEIGHT not in {one.name for one in schema.feature}:
        return None
    return f"all examples weigh the same, as weight_feature does not name their {WEIGHT}"


def write(job: Job, vocabulary_file: str | None) -> None:
    """Writes the graph as tft.TFTransformOutput reads it, with its vocabulary.

    Args:
      job: `job.graph_uri` holds no graph yet.
      vocabulary_file: path of the training split's vocabulary, which is copied into the
        graph's assets. None for masks, whose classes the graph knows.
    """
    context = graph_context.TFGraphContext(tf.Module())
    traced = impl_helper.get_traced_transform_fn(
        partial(preprocessing_fn, job=job, vocabulary_file=vocabulary_file),
        {name: _tensor(kind) for name, kind in job.raw_spec.items()},
        context,
    )
    # TFT's `analyze_in_place` would trace all of it once more, to find out the metadata.
    saved_transform_io_v2.write_v2_saved_model(
        context.module_to_export,
        traced,
        "transform_fn",
        f"{job.graph_uri}/{tft.TFTransformOutput.TRANSFORM_FN_DIR}",
    )
    _write_metadata(job, tft.TFTransformOutput.RAW_METADATA_DIR, job.raw_spec)
    types, domains = {"image": tf.string, job.features.target: tf.string}, {}
    if job.part.IS_CLASS_ID:
        types[job.features.target] = tf.int64
        with places.opened(vocabulary_file) as file:
            last = sum(1 for _ in file) - 1
        domains[job.features.target] = schema_pb2.IntDomain(
            min=OUT_OF_VOCABULARY, max=last, is_categorical=True
        )
    _write_metadata(job, tft.TFTransformOutput.TRANSFORMED_METADATA_DIR, _spec(types), domains)


def _tensor(kind: tf.io.FixedLenFeature | tf.io.VarLenFeature) -> tf.TypeSpec:
    if isinstance(kind, tf.io.VarLenFeature):
        return tf.SparseTensorSpec([None, None], kind.dtype)
    return tf.TensorSpec([None], kind.dtype)


def _write_metadata(job: Job, folder: str, spec: Mapping[str, Any], domains=None) -> None:
    metadata = dataset_metadata.DatasetMetadata.from_feature_spec(spec, domains)
    metadata_io.write_metadata(metadata, f"{job.graph_uri}/{folder}")


def load(job: Job) -> TransformBatch:
    """The saved graph as a function of serialized raw examples.

    Returns:
      A function of (batch,) serialized examples that gives image (batch,) string, label (batch,)
      int64, or labels or mask (batch,) string, and what the examples weigh (batch,) float32.
    """
    layer = tft.TFTransformOutput(job.graph_uri).transform_features_layer()
    weight = {job.features.weight_feature: job.weight_type} if job.weight_type else {}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def transform(serialized):
        with tf.device("CPU:0"):  # no image goes to an accelerator and back
            parsed = tf.io.parse_example(serialized, {**job.raw_spec, **_spec(weight)})
            weights = tf.ones_like(serialized, tf.float32)
            if weight:  # The graph does not know them: nothing that is served has any.
                weights = tf.cast(parsed.pop(*weight), tf.float32)
            if hasattr(job.part, "assert_whole"):
                job.part.assert_whole(parsed[job.features.target_feature])
            outputs = layer(parsed)
        return outputs["image"], outputs[job.features.target], weights

    prepared = transform.get_concrete_function()
    # TensorFlow optimizes a graph anew for each thread that calls it before the first is done.
    prepared(tf.constant([], tf.string))
    return prepared


def _spec(types: Mapping[str, tf.DType]) -> dict[str, tf.io.FixedLenFeature]:
    return {name: tf.io.FixedLenFeature([], dtype) for name, dtype in types.items()}
