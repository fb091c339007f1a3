"""The compiled steps as TensorFlow runs them."""

import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from settings.training import Training
from tests import graphs
from tests.components.trainer.linear_classifier import BATCH, IMAGES, LABELS, steps_of


@pytest.fixture
def optimized_graphs():
    """A function that gives the graphs which TensorFlow has run since, each as its operations."""
    running = context.context()
    running.ensure_initialized()
    running.enable_graph_collection()

    def optimized():
        found = running.export_run_metadata().function_graphs
        return [{node.op for node in one.post_optimization_graph.node} for one in found]

    yield optimized
    running.disable_graph_collection()


def test_tensorflow_optimizes_the_whole_of_a_training_step(optimized_graphs):
    steps = steps_of(Training(batch_size=BATCH, schedule="constant"))
    batch = tf.constant(IMAGES), tf.constant(LABELS, tf.int64)
    with graphs.optimized():
        compiled = steps.compile_training(tuple(tf.TensorSpec.from_tensor(one) for one in batch))
        traced = {node.type for node in compiled.get_concrete_function().graph.get_operations()}
        compiled([batch])

    # Adam's node of all gradients lets no weight be changed before the last gradient is there.
    assert "IdentityN" in traced
    [ran] = [graph for graph in optimized_graphs() if "AssignSubVariableOp" in graph]
    assert not {"Identity", "IdentityN"} & ran
