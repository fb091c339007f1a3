"""Changes of training images by user code."""

from collections.abc import Callable

import tensorflow as tf

from augmentations import Draw
from components import own_code
from failures import Failure
from settings.augmentation import Augmentation
from settings.own_code import OwnAugmentation


def own_changes(keys: Augmentation) -> list[Callable]:
    """Functions (images, masks, draw) → (images, masks), in the order of the configuration.

    Images are (batch, height, width, channels) float32, 0..255; masks are (batch, height, width, 1)
    uint8 class ids, or None.

    Raises:
      Failure: one cannot be loaded; called, also what goes wrong in it, or another shape.
      tf.errors.InvalidArgumentError: called without XLA, pixels that are not finite numbers.
    """
    return [_change(given) for given in keys.own]


def _change(given: OwnAugmentation) -> Callable:
    function = own_code.function_of("Trainer", given.name, given.parameters)

    def change(images, masks, draw: Draw):
        # Another augmentation's draws must not be these.
        own_draw = lambda name: draw(f"{given.name} {name}")  # noqa: E731
        images = tf.cast(images, tf.float32)
        answer = function(images=images, masks=masks, draw=own_draw)
        pair = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, masks)
        changed, changed_masks = pair
        _check(given.name, "images", changed, images)
        # As uint8, what is not a number would be black. XLA leaves this check out.
        changed = tf.debugging.check_numerics(changed, f"{given.name} returns images")
        if masks is not None:
            _check(given.name, "masks", changed_masks, masks)
        return changed, changed_masks

    return change


def _check(name: str, what: str, changed, original: tf.Tensor) -> None:
    same_shape = original.shape.is_compatible_with(getattr(changed, "shape", ()))
    if not same_shape or changed.dtype != original.dtype:
        raise Failure(
            f"Trainer: {name} returns {what} of shape {getattr(changed, 'shape', None)} and "
            f"{getattr(changed, 'dtype', type(changed))!r}; allowed: {original.shape} and "
            f"{original.dtype!r}, where None is the batch."
        )
