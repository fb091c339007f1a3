"""The SavedModel that is evaluated, pushed and served: one graph from encoded image to answer."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from components.tasks.signature import signature_of
from components.trainer.transform_graph import TransformGraph
from files import writing


class ServingModule(tf.Module):
    """A trained model behind the preprocessing graph that its training images went through.

    Args:
      chosen: what the task's `training.py` chose on the validation split, if it chooses anything.
      assets: files that clients find in the folder `assets` of the SavedModel.
    """

    def __init__(
        self,
        model: keras.Model,
        graph: TransformGraph,
        chosen: np.ndarray | None = None,
        assets: Sequence[str] = (),
    ):
        super().__init__()
        self._assets = [tf.saved_model.Asset(file) for file in assets]
        # Only the variables, not the Keras model: nothing but the functions is saved.
        self._weights = [variable.value for variable in model.variables]
        self._transform = graph.saved_model
        # assets/labels of the SavedModel; a graph that looks labels up has it from its table.
        if not signature_of(graph.features.task).TABLE:
            self._labels = tf.saved_model.Asset(graph.vocabulary_file)
        # From pixels to probabilities: what formats that cannot decode an image are made of.
        # One concrete function: of a tf.function, TensorFlow would save a second trace.
        self.network = _network(model, graph).get_concrete_function()
        self.serving_signatures = _signatures(self.network, graph, chosen)


def save(module: ServingModule, folder: str) -> None:
    """Writes the SavedModel to `folder`, whole or not at all.

    Raises:
      Failure: the disk is full, or the folder cannot be written.
    """
    with writing.reported(folder), writing.whole_folder(folder) as unfinished:
        tf.saved_model.save(module, unfinished, signatures=module.serving_signatures)


def _network(model: keras.Model, graph: TransformGraph) -> Callable:
    image_shape, probabilities = graph.image_shape, signature_of(graph.features.task).probabilities
    pixels = tf.TensorSpec([None, *image_shape], tf.uint8, name="pixels")

    @tf.function(input_signature=[pixels], autograph=False)
    def network(pixels):
        return probabilities(model(pixels, training=False))

    return network


def _signatures(network: Callable, graph: TransformGraph, chosen: np.ndarray | None) -> dict:
    image, target = graph.features.image_feature, graph.features.target_feature
    task, names = signature_of(graph.features.task), tf.constant(graph.labels)
    by = () if chosen is None else (tf.constant(chosen),)

    def answers(raw_images):
        return task.answer(_probabilities(network, graph.images(raw_images)), names, *by)

    # Once in the graph, and not in each signature.
    answered = tf.function(answers, autograph=False)

    @_batched("image")
    def serving_default(image):
        return answered(graph.as_feature(image))

    @_batched("examples")
    def serve_examples(examples):
        # Parsed without the target, which clients do not have.
        return answered(graph.parse(examples, image)[image])

    @_batched("examples")
    def transform_features(examples):
        return graph.transform(graph.parse(examples, image, target))

    functions = (serving_default, serve_examples, transform_features)
    return {f.__name__: f.get_concrete_function() for f in functions}


def _probabilities(network: Callable, images: tf.Tensor) -> tf.Tensor:
    """(batch, …, classes) float32 of images (batch, height, width, channels) uint8."""
    # oneDNN's convolutions refuse an empty batch, so a black image stands in for it.
    size = tf.shape(images)[0]
    missing = tf.cast(size == 0, tf.int32)
    filled = tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])
    return network(filled)[:size]


def _batched(name: str):
    spec = tf.TensorSpec([None], tf.string, name=name)
    return tf.function(input_signature=[spec], autograph=False)
