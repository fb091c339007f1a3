"""How many images a model answers at once: fewer where they are large, as its layers are then."""

import math
import os
from collections.abc import Sequence
from typing import NamedTuple

from tensorflow.core.protobuf import saved_model_pb2

from components.tasks.answers import answers_of
from components.usable_cores import usable_cores
from files import places

_CHANNELS = 32  # Some layers of an image's own size have that many, whatever the answer.
# What `components/trainer/saved_model.py` calls them.
_SIGNATURE, _NETWORK = "serve_examples", "network"
# A graph decodes image after image on one core: each call keeps one busy. The second also works
# where there is one core; beyond 16, small calls only wait for one another's Python.
_FEWEST_CALLS, _MOST_CALLS = 2, 16
_CALLED_BYTES = 32 << 20  # of all calls


class Calls(NamedTuple):
    """How images are divided over calls of a model that run at the same time."""

    number: int  # of calls, one a thread
    images: int  # of each, at most
    image_bytes: int  # of encoded images, with which a call is full


def calls_at_once(most: int) -> Calls:
    """One call for each core; all of them have as many images as two calls of `most`.

    Memory is thus the same on any machine.
    """
    images = _FEWEST_CALLS * most
    number = min(max(_FEWEST_CALLS, usable_cores()), _MOST_CALLS, images)
    return Calls(number, images // number, _CALLED_BYTES // number)


def fitting(task: str, image: Sequence[int], answer: Sequence[int | None]) -> int:
    """How many images have a layer of no more numbers than the task's `LAYER`; at least 1.

    Args:
      image: height and width that the network sees, and anything behind them.
      answer: the shape of an image's probabilities, None or 0 for what is not fixed.
    """
    height, width, *_ = image
    largest = max(_CHANNELS * height * width, math.prod(filter(None, answer)))
    return max(1, answers_of(task).LAYER // largest)


def images_at_once(path: str, task: str) -> int | None:
    """How many images a SavedModel answers at once, by its description: it is not loaded.

    Returns:
      At least 1; None where the model does not say what size of image it sees.

    Raises:
      OSError, or for a remote path tf.errors.OpError: it cannot be read.
    """
    saved = saved_model_pb2.SavedModel()
    with places.opened(os.path.join(path, "saved_model.pb")) as file:
        saved.ParseFromString(file.read())
    graph = saved.meta_graphs[0]
    given = graph.signature_def[_SIGNATURE].outputs["probabilities"].tensor_shape
    answer = _sizes(given)
    image = _seen_by_network(graph.object_graph_def) or answer[:-1]  # A mask has the image's size.
    return fitting(task, image, answer) if len(image) > 1 and all(image) else None


def _seen_by_network(graph) -> list[int]:
    """Height, width and channels of an image; empty where the model does not say."""
    for child in graph.nodes[0].children if graph.nodes else ():
        if child.local_name == _NETWORK:
            name = graph.nodes[child.node_id].bare_concrete_function.concrete_function_name
            signature = graph.concrete_functions[name].canonicalized_input_signature
            # Positional arguments and those by name; of the former, the only one.
            for arguments in signature.tuple_value.values[:1]:
                for pixels in arguments.tuple_value.values[:1]:
                    return _sizes(pixels.tensor_spec_value.shape)
    return []


def _sizes(shape) -> list[int]:
    """All but that of the batch; 0 for what is not fixed."""
    return [max(0, dim.size) for dim in shape.dim[1:]]
