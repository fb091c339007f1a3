"""What a component counts beside its inputs and sections, wherever a pipeline takes it."""

from tfx.types import channel
from tfx.types.standard_artifacts import Examples, Model, Schema, TransformGraph

from components.evaluator.component import Evaluator
from components.trainer.component import Trainer
from components.tuner.component import Tuner
from settings.training import Training
from tests.own_code.user_package import kit

__all__ = ["kit"]  # a fixture
CODE = """
    def tiny(pixels, classes):
        return pixels

    def bent(logits, targets):
        return logits

    def cost(counts):
        return {value}
"""
SHAPE = {"height": 8, "width": 8}


def channels(**kinds):
    return {name: channel.Channel(type=kind) for name, kind in kinds.items()}


def flags_of(**network):
    """Of a Trainer and a Tuner of this network."""
    inputs = channels(transformed_examples=Examples, transform_graph=TransformGraph, schema=Schema)
    tried = {"training.learning_rate": {"min": 0.001, "max": 0.01}}
    search = {"trials": 2, "epochs": 1, "search_space": network.pop("tried", tried)}
    trainer = Trainer(**inputs, **SHAPE, **network)
    tuner = Tuner(**inputs, **SHAPE, **network, **search, training=Training())
    return [one.executor_spec.extra_flags for one in (trainer, tuner)]


def test_a_training_counts_the_state_of_a_users_network(kit):
    name = f"{kit(CODE.format(value=1.0))}:tiny"
    before = flags_of(name=name)
    assert flags_of(name=name) == before
    kit(CODE.format(value=2.0))
    after = flags_of(name=name)
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert flags_of(name="small_cnn") == [[], []]


def test_a_search_counts_the_state_of_losses_that_it_tries(kit):
    tried = {"training.loss": {"choices": ["cross_entropy", f"{kit(CODE.format(value=1))}:bent"]}}
    before = flags_of(name="small_cnn", tried=tried)
    kit(CODE.format(value=2.0))
    after = flags_of(name="small_cnn", tried=tried)
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


def test_a_training_counts_the_content_of_its_first_weights(tmp_path):
    weights = tmp_path / "some.weights.h5"
    weights.write_bytes(b"one")
    before = flags_of(name="mobilenet", weights=str(weights))
    weights.write_bytes(b"two")
    after = flags_of(name="mobilenet", weights=str(weights))
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_an_evaluation_counts_the_state_of_a_users_metric(kit):
    inputs = channels(examples=Examples, model=Model, champion=Model, schema=Schema)

    def flags(value):
        name = f"{kit(CODE.format(value=value))}:cost"
        metric = {"name": name, "higher_is_better": False}
        made = Evaluator(**inputs, **SHAPE, metrics=[metric])
        return made.executor_spec.extra_flags

    assert flags(1.0) == flags(1.0)
    assert flags(1.0) != flags(2.0)
