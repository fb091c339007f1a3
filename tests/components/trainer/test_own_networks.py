"""Networks by user code: what they may be, and whose mistake is whose in a step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.own_code import traced_to
from components.trainer.freezing import Freezing
from components.trainer.losses import Loss
from components.trainer.model import build_model
from components.trainer.optimizer import build_optimizer
from components.trainer.training_faults import step_reported
from components.trainer.training_step import Steps
from failures import Failure
from settings.model import Model
from settings.training import Training

NETWORKS = """
    import keras
    from keras import layers

    def linear(pixels, classes, *, bias: bool = True):
        return layers.Dense(classes, use_bias=bias)(layers.Flatten()(pixels))

    def per_pixel(pixels, classes):
        return layers.Conv2D(classes, 1)(pixels)

    def wrong(pixels, classes):
        return layers.Flatten()(pixels)

    def defect(pixels, classes):
        return pixels.no_such_attribute

    def nothing(pixels, classes):
        pass

    def exits(pixels, classes):
        raise SystemExit("no licence")

    def elsewhere(pixels, classes):
        return layers.Dense(classes)(keras.Input((3,)))

    class Layered(layers.Layer):
        def __init__(self, classes: int, width: int = 2):
            super().__init__()
            self.one, self.two = layers.Dense(width), layers.Dense(classes)

        def call(self, pixels):
            return self.two(self.one(keras.ops.mean(pixels, (1, 2))))
"""


def built(name, parameters=None, per_pixel=None):
    section = Model.of(name=name, parameters=parameters or {})
    return build_model(section, (4, 4, 1), 10, [127.0], [60.0], per_pixel)


def test_a_function_or_a_class_is_the_network(kit):
    module = kit(NETWORKS)
    images = np.zeros((2, 4, 4, 1), np.uint8)
    linear = built(f"{module}:linear", {"bias": False}, per_pixel=False)
    assert linear.count_params() == 160
    assert linear(images).shape == (2, 10)
    assert built(f"{module}:Layered", {"width": 3})(images).shape == (2, 10)
    assert built(f"{module}:per_pixel", per_pixel=True)(images).shape == (2, 4, 4, 10)


def test_all_but_the_classifier_of_a_users_model_is_its_body(kit):
    module = kit("""
        import keras
        from keras import layers

        class Net(keras.Model):
            def __init__(self, classes: int):
                super().__init__()
                self.block, self.norm = layers.Conv2D(3, 3), layers.BatchNormalization()
                self.pool, self.head = layers.GlobalMaxPooling2D(), layers.Dense(classes)

            def call(self, pixels, training=None):
                return self.head(self.pool(self.norm(self.block(pixels), training=training)))
    """)
    model = built(f"{module}:Net")
    frozen = Freezing(model, Training.of(freeze_epochs=1, epochs=2)).layers
    [net] = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    assert {net.block, net.norm} <= set(frozen)
    assert net.head not in frozen


@pytest.mark.parametrize(
    ("name", "per_pixel", "mistake"),
    [
        ("wrong", None, r"returns the shape \(None, 16\); allowed: \(None, 10\) or "),
        (
            "linear",
            True,
            r"returns the shape \(None, 10\); allowed: \(None, 4, 4, 10\), where",
        ),
        (
            "defect",
            None,
            r"code:defect failed in .*/code.py:15: AttributeError: .*no_such_attribute",
        ),
        ("nothing", None, r"code:nothing returns NoneType; allowed: \(None, 10\) or "),
        (
            "elsewhere",
            None,
            r"code:elsewhere failed: ValueError: Output .* is not connected to `in",
        ),
        ("exits", None, r"code:exits failed in .*/code.py:21: SystemExit: no licence"),
    ],
)
def test_a_network_that_cannot_be_used_is_refused_in_one_line(kit, name, per_pixel, mistake):
    module = kit(NETWORKS)
    with pytest.raises(Failure, match=mistake) as refused:
        built(f"{module}:{name}", per_pixel=per_pixel)
    assert "\n" not in str(refused.value)


def test_a_library_that_is_missing_is_named_in_one_line(kit):
    module = kit("import no_such_library\n\n\ndef net(pixels, classes):\n    pass\n")
    with pytest.raises(Failure, match="ModuleNotFoundError: No module named 'no_such_library'"):
        built(f"{module}:net")


LAYERS = """
    import keras
    import tensorflow as tf
    from keras import layers

    class Late(layers.Layer):
        def __init__(self, classes: int, key: str = ""):
            super().__init__()
            self.key, self.head = key, layers.Dense(classes)

        def call(self, pixels, training=None):
            if self.key and training:
                raise KeyError(self.key)
            return self.head(keras.ops.mean(pixels, (1, 2)))

    class Early(layers.Layer):
        def __init__(self, classes: int):
            super().__init__()

        def call(self, pixels):
            raise ValueError("no such width\\nand more")

    def bounded(logits, targets):
        tf.debugging.assert_less(logits, 0.0, "too sure")
        return tf.reduce_sum(logits * targets, -1)
"""


def test_what_a_layer_raises_is_reported_in_its_own_words(kit):
    module = kit(LAYERS)
    said = r"code\.py:21: ValueError: no such width\. Fix it"
    with pytest.raises(Failure, match=said) as refused:
        built(f"{module}:Early")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("inner", "reason"),
    [("Late", r"code\.py:13: KeyError: nope"), ("bounded", r"code\.py:24: Invalid.*: too sure")],
)
def test_what_is_raised_as_late_as_in_a_step_is_traced_to_the_code(kit, inner, reason):
    module = kit(LAYERS)
    model = built(f"{module}:Late", {"key": "nope" if inner == "Late" else ""})
    loss = Loss(Training.of(loss=f"{module}:bounded"))

    @tf.function(autograph=False)
    def step(images):
        return loss.judge(model(images, training=True) + 100, tf.zeros([2], tf.int64)).losses

    said = f"^Trainer: {module}:{inner} failed in .*{reason}"
    with (
        pytest.raises(Failure, match=said) as refused,
        traced_to("Trainer", [f"{module}:{inner}"]),
    ):
        step(tf.zeros([2, 4, 4, 1], tf.uint8))
    assert "\n" not in str(refused.value)


def test_what_other_code_raises_is_not_traced_to_ones_own(kit):
    names = [f"{kit(LAYERS)}:Late"]
    with pytest.raises(ZeroDivisionError), traced_to("Trainer", names):
        raise ZeroDivisionError


FULL = """
    import tensorflow as tf

    def full(pixels, classes):
        raise tf.errors.NotFoundError(None, None, "No algorithm worked!")

    def full_step(logits, targets):
        raise tf.errors.NotFoundError(None, None, "No algorithm worked!")
"""


def test_a_memory_that_is_full_when_cudnn_tries_its_algorithms_is_not_the_networks_fault(kit):
    with pytest.raises(Failure, match=r"^Trainer: the model .* does not fit into the device's mem"):
        built(f"{kit(FULL)}:full")


def test_a_memory_that_is_full_in_a_step_is_not_traced_to_ones_own_code(kit):
    name = f"{kit(FULL)}:full_step"
    loss = Loss(Training.of(loss=name))
    with (
        pytest.raises(
            Failure, match=r"^Trainer: a step on 2 images does not fit .* worked!\)\. Low"
        ),
        traced_to("Trainer", [name]),
        step_reported(2),
    ):
        loss.judge(tf.zeros([2, 3]), tf.zeros([2], tf.int64))


GRADIENTS = """
    import keras
    import tensorflow as tf
    from keras import layers

    def flat(logits, targets):
        return tf.zeros(tf.shape(logits)[:-1])

    class Spare(layers.Layer):
        def __init__(self, classes: int):
            super().__init__()
            self.head, self.spare = layers.Dense(classes), self.add_weight(shape=(2,))

        def call(self, pixels):
            return self.head(keras.ops.mean(pixels, (1, 2)))
"""


def one_step(model, **keys):
    training = Training.of(batch_size=2, **keys)
    steps = Steps(model, build_optimizer(training, 1), training, tf.distribute.get_strategy())
    batch = tf.zeros([2, 4, 4, 1], tf.uint8), tf.constant([0, 1], tf.int64)
    spec = tuple(tf.TensorSpec.from_tensor(part) for part in batch)
    steps.compile_training(spec)([batch])
    return steps


def test_a_loss_that_does_not_depend_on_the_logits_is_refused_in_one_line(kit):
    module = kit(GRADIENTS)
    with pytest.raises(Failure, match=r"^Trainer: no weight has a gradient: the loss does not de"):
        one_step(built(f"{module}:Spare"), loss=f"{module}:flat")


def test_a_weight_that_is_never_used_stays_as_it_is(kit):
    model = built(f"{kit(GRADIENTS)}:Spare")
    [spare] = [one for one in model.trainable_variables if tuple(one.shape) == (2,)]
    before = spare.numpy()
    one_step(model, gradient_clip_norm=1.0, gradient_accumulation=2)
    np.testing.assert_array_equal(spare.numpy(), before)
