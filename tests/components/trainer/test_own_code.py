"""Losses and augmentations by user code: what they are given, and what becomes of mistakes."""

import numpy as np
import pytest
import tensorflow as tf

from components.tasks.multi_label import training as multi_label
from components.trainer import training_faults
from components.trainer.augmentation import Augmenter
from components.trainer.losses import Loss
from failures import Failure
from settings.augmentation import Augmentation
from settings.training import Training

LOGITS = tf.constant([[2.0, 0.0, -1.0], [0.5, 0.25, 1.0]])
LABELS = tf.constant([0, 1], tf.int64)
SHIFTED = """
    import tensorflow as tf

    def shifted(logits, targets, *, by: float = 1.0):
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits) + by
"""


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_loss_gets_smoothed_targets_and_is_weighted_like_any_other(kit, smoothing):
    module = kit(SHIFTED)
    weights, labels = tf.constant([1.0, 3.0]), tf.constant([0, -1], tf.int64)
    own = Training.of(
        loss=f"{module}:shifted", loss_parameters={"by": 2.0}, label_smoothing=smoothing
    )
    plain = Loss(Training.of(label_smoothing=smoothing)).judge(LOGITS, LABELS)
    judged = Loss(own).judge(LOGITS, LABELS, weights)
    np.testing.assert_allclose(judged.losses, (plain.losses + 2.0) * weights, rtol=1e-5)
    assert Loss(own).judge(LOGITS, labels, weights).losses[1] == 0  # of no class


def test_of_several_labels_a_loss_is_that_of_the_image(kit):
    module = kit("""
        import tensorflow as tf

        def binary(logits, targets):
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), -1)
    """)
    labels, weights = tf.constant([[1, 0, 1], [0, 0, 0]], tf.uint8), tf.constant([1.0, 3.0])
    plain, own = (
        multi_label.Loss(Training.of(loss=loss, label_smoothing=0.1)).judge(LOGITS, labels, weights)
        for loss in ("cross_entropy", f"{module}:binary")
    )
    np.testing.assert_allclose(*(tf.reduce_sum(one.losses, -1) for one in (plain, own)), rtol=1e-5)


def test_a_class_may_be_a_loss_and_is_made_with_its_parameters(kit):
    module = kit("""
        from dataclasses import dataclass

        @dataclass
        class Constant:
            value: float = 1.0

            def __call__(self, targets, logits):
                return 0 * logits[..., 0] + self.value
    """)
    loss = Loss(Training.of(loss=f"{module}:Constant", loss_parameters={"value": 5.0}))
    assert loss.judge(LOGITS, LABELS).losses.numpy().tolist() == [5.0, 5.0]


def test_a_loss_over_the_whole_batch_is_refused_in_one_line(kit):
    module = kit("""
        import tensorflow as tf

        def mean(logits, targets):
            return tf.reduce_mean(logits * targets)
    """)
    with pytest.raises(Failure, match=r"returns the shape \(\); allowed: \(2,\), a number") as no:
        Loss(Training.of(loss=f"{module}:mean")).judge(LOGITS, LABELS)
    assert "\n" not in str(no.value)


CHANGES = """
    import tensorflow as tf

    def dim(images, draw, *, by: float = 1.0):
        return images * (1 - by * draw("amount")[:, None, None, None])

    def turned(images, masks):
        return tf.reverse(images, [1]), tf.reverse(masks, [1])

    def grey(images):
        return tf.reduce_mean(images, -1, keepdims=True)

    def three(images):
        return images, None, "and more"

    def undefined(images):
        return images * (0 * images / 0)
"""


def own(*changes):
    return Augmentation.of(own=[{"name": name, "parameters": given} for name, given in changes])


def test_an_augmentation_draws_by_seed_step_and_image(kit):
    module = kit(CHANGES)
    images = tf.fill([2, 4, 4, 3], tf.constant(200, tf.uint8))
    dim = Augmenter(own((f"{module}:dim", {"by": 0.5})), seed=3)
    first, again, later = (dim(images, None, tf.constant(step, tf.int64))[0] for step in (1, 1, 2))
    assert first.dtype == tf.uint8
    assert np.unique(first[0]).size == 1
    assert 100 <= first[0, 0, 0, 0] < 200
    assert first[0, 0, 0, 0] != first[1, 0, 0, 0]
    np.testing.assert_array_equal(first, again)
    assert (first != later).numpy().all()


def test_an_augmentation_that_moves_pixels_moves_those_of_masks(kit):
    module = kit(CHANGES)
    images = tf.reshape(tf.range(32, dtype=tf.int32), [1, 4, 4, 2])
    masks = tf.cast(images[..., :1], tf.uint8)
    turned = Augmenter(own((f"{module}:turned", {})), seed=3)
    changed, moved = turned(tf.cast(images, tf.uint8), masks, tf.constant(1, tf.int64))
    np.testing.assert_array_equal(changed[..., :1], moved)
    np.testing.assert_array_equal(moved, masks[:, ::-1])


@pytest.mark.parametrize("name", ["grey", "three"])
def test_an_augmentation_of_another_shape_is_refused_in_one_line(kit, name):
    module = kit(CHANGES)
    with pytest.raises(Failure, match="returns images of shape ") as refused:
        Augmenter(own((f"{module}:{name}", {})), seed=3)(
            tf.zeros([1, 4, 4, 3], tf.uint8), None, tf.constant(1, tf.int64)
        )
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_pixels_that_are_not_numbers_are_refused_in_one_line(kit):
    module = kit(CHANGES)
    change = tf.function(Augmenter(own((f"{module}:undefined", {})), seed=3))
    with pytest.raises(Failure) as refused, training_faults.step_reported(batch_size=1):
        change(tf.zeros([1, 4, 4, 3], tf.uint8), None, tf.constant(1, tf.int64))
    assert str(refused.value) == (
        f"Trainer: {module}:undefined returns images with NaN values; allowed: finite numbers"
    )
