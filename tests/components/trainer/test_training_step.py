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


def operations(steps, batch):
    """The types of a step's operations outside what XLA compiles, and of those anywhere."""
    compiled = steps.compile_training(tuple(tf.TensorSpec.from_tensor(one) for one in batch))
    definition = compiled.get_concrete_function().graph.as_graph_def()
    within = {one.signature.name: one for one in definition.library.function}
    outside, todo = [], [definition.node]
    while todo:
        for node in todo.pop():
            outside.append(node.op)
            called = node.attr["f"].func.name
            if called and not within[called].attr["_XlaMustCompile"].b:
                todo.append(within[called].node_def)
    anywhere = [node.op for one in within.values() for node in one.node_def]
    return outside, outside + anywhere


BATCHED = tf.constant(IMAGES), tf.constant(LABELS, tf.int64)


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "step", "constant"])
def test_no_step_waits_for_the_device_to_say_which_way_to_go(schedule):
    training = Training(batch_size=BATCH, schedule=schedule, warmup_epochs=1)
    _, anywhere = operations(steps_of(training), BATCHED)
    assert "AssignSubVariableOp" in anywhere
    assert not {"If", "StatelessIf", "Case", "Switch", "While"} & set(anywhere)


def test_with_xla_the_device_gets_a_step_as_a_whole():
    steps = steps_of(Training(batch_size=BATCH), xla=True)
    outside, anywhere = operations(steps, BATCHED)
    assert "AssignSubVariableOp" in anywhere
    assert "AssignSubVariableOp" not in outside
    assert len(outside) < 40


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


def test_calls_of_one_batch_and_of_many_share_what_xla_compiles():
    steps = steps_of(Training(batch_size=BATCH), xla=True)
    spec = tuple(tf.TensorSpec.from_tensor(one) for one in BATCHED)

    def compiled(batches):
        library = steps.compile_training(spec, batches).get_concrete_function().graph.as_graph_def()
        functions = library.library.function
        return {one.signature.name for one in functions if one.attr["_XlaMustCompile"].b}

    assert len(compiled(1)) == 2  # the step, and the average of the weights
    assert compiled(1) == compiled(4)
