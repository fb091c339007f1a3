"""Applies the augmentations to training images, on the accelerator and inside the compiled step.

Every change of a picture is drawn from (seed, step) and nothing else, so a training that was killed
and resumed sees the same pictures as an undisturbed one.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

import augmentations
from augmentations import Colours, Draw, Grid
from components.trainer import draws
from components.trainer.own_augmentations import own_changes
from failures import Failure
from settings.augmentation import Augmentation
from settings.data import NO_CLASS


class Augmenter:
    """Moves, recolours and blanks each picture of a batch in its own way.

    Only the training calls it: evaluation and serving never do. All geometry is one resampling and
    all colour one affine transform, then one rounding, however many augmentations are on.
    """

    def __init__(self, keys: Augmentation, seed: int):
        self._keys = keys
        self._own = own_changes(keys)
        self._seed = seed

    def __call__(self, images, masks, step):
        """The changed pictures, and their masks changed in the same way.

        Args:
          images: (batch, height, width, channels) uint8; height and width are static.
          masks: (batch, height, width, 1) uint8 class ids, or None.
          step: () int64, different for every step and device.

        Returns:
          Images and masks of the same shapes and dtypes. Pixels from outside the picture and
          blanked ones are 0 in images and `NO_CLASS` in masks.

        Raises:
          Failure: an augmentation needs colour, and the images have none.
        """
        if self._keys.needing_colour and images.shape[-1] != 3:
            raise Failure(
                f"Trainer: images of {images.shape[-1]} channel have no colour to change. Leave "
                f"out {', '.join(f'augmentation.{name}' for name in self._keys.needing_colour)}."
            )
        draw = self._drawing(tf.shape(images)[0], step)
        recolour = self._recolouring(images, draw)  # of the original: contrast needs its mean
        images, masks, hidden = self._moved(images, masks, draw)
        images = recolour(images)
        for change in self._own:
            images, masks = change(images, masks, draw)
        if images.dtype != tf.uint8:
            images = tf.saturate_cast(tf.round(images), tf.uint8)
        for repaint in self._functions("repaint"):
            images = repaint(images, draw)
        hidden = hidden + [blank(images.shape[1:3], draw) for blank in self._functions("blank")]
        if hidden:
            # Last of all: blanked pixels are black, whatever the colours became.
            blanked = functools.reduce(tf.logical_or, hidden)[..., None]
            images = tf.where(blanked, tf.zeros_like(images), images)
            if masks is not None:
                masks = tf.where(blanked, tf.constant(NO_CLASS, tf.uint8), masks)
        return images, masks

    def _functions(self, stage: str) -> list[Callable]:
        """What the active augmentations declare for a stage, with their keys' values."""
        declared = (augmentations.functions_of(name).get(stage) for name in self._keys.active)
        return [functools.partial(f, **self._keys.given_to(f)) for f in declared if f]

    def _drawing(self, batch, step) -> Draw:
        """From a name to numbers in 0..1, (batch,) float32."""

        @functools.cache
        def draw(name: str) -> tf.Tensor:
            return draws.of_pictures(draws.stream(self._seed, name), step, 0, batch, 1)[:, 0]

        return draw

    def _moved(self, images, masks, draw: Draw):
        """Images (float32 if resampled), masks, and what now shows the outside of the picture."""
        moves, mirrors = self._functions("move"), self._functions("mirror")
        if len(mirrors) == len(moves):
            for mirror in mirrors:
                images = mirror(images, draw)
                masks = None if masks is None else mirror(masks, draw)
            return images, masks, []
        x, y = _sources(moves, images.shape[1:3], draw)
        outside = ~(_within(x, images.shape[2]) & _within(y, images.shape[1]))
        masks = None if masks is None else _nearest(masks, x, y)
        return _bilinear(images, x, y), masks, [outside]

    def _recolouring(self, images, draw: Draw) -> Callable:
        """A function from pictures to recoloured ones, float32; without changes, the identity."""
        recolours = self._functions("recolour")
        if not recolours:
            return lambda pictures: pictures
        means = tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])  # (batch, channels)
        ones = tf.ones_like(means[:, 0])
        colours = Colours(means, gain=ones, offset=tf.zeros_like(ones))
        for recolour in recolours:
            colours = recolour(colours, draw)
        return functools.partial(_recoloured, colours)


def _recoloured(colours: Colours, pictures) -> tf.Tensor:
    """The colours' transform of pictures (batch, height, width, channels), float32."""
    pictures = tf.cast(pictures, tf.float32)
    gain, offset = (v[:, None, None, None] for v in (colours.gain, colours.offset))
    if colours.matrix is None:
        return gain * pictures + offset
    matrix = colours.matrix * gain[:, 0]  # (batch, 3, 3)
    red, green, blue = tf.unstack(pictures, axis=-1)
    rows = [
        matrix[:, i, 0, None, None] * red
        + matrix[:, i, 1, None, None] * green
        + matrix[:, i, 2, None, None] * blue
        for i in range(3)
    ]
    return tf.stack(rows, axis=-1) + offset


def _sources(moves: list[Callable], size, draw: Draw) -> tuple[tf.Tensor, tf.Tensor]:
    """Where every pixel comes from: x and y, float32, that broadcast to (batch, height, width).

    Coordinates are those of pixel centres: the first pixel's is 0.5.
    """
    height, width = size
    u = (tf.range(width, dtype=tf.float32) + 0.5 - width / 2)[None, None, :]
    v = (tf.range(height, dtype=tf.float32) + 0.5 - height / 2)[None, :, None]
    grid = Grid(u, v, height, width)
    # From the changed picture back to the original: the last move is the first one undone.
    for move in reversed(moves):
        grid = move(grid, draw)
    return grid.x + width / 2, grid.y + height / 2


def _within(position: tf.Tensor, side: int) -> tf.Tensor:
    return (position >= 0) & (position <= side)


def _pick(pictures: tf.Tensor, row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    """Pixels by row and column, int32; beyond an edge the edge's."""
    _, height, width, channels = pictures.shape
    row, column = tf.clip_by_value(row, 0, height - 1), tf.clip_by_value(column, 0, width - 1)
    batch = tf.shape(pictures)[0]
    places = tf.broadcast_to(row * width + column, [batch, height, width])
    flat = tf.reshape(pictures, [-1, height * width, channels])
    picked = tf.gather(flat, tf.reshape(places, [-1, height * width]), batch_dims=1)
    return tf.reshape(picked, [-1, height, width, channels])


def _nearest(pictures: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return _pick(pictures, tf.cast(tf.floor(y), tf.int32), tf.cast(tf.floor(x), tf.int32))


def _bilinear(pictures: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The four pixels around, weighted by nearness; float32."""
    x, y = x - 0.5, y - 0.5
    left, top = tf.floor(x), tf.floor(y)
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    column, row = tf.cast(left, tf.int32), tf.cast(top, tf.int32)

    def line(at):
        start = tf.cast(_pick(pictures, at, column), tf.float32)
        end = tf.cast(_pick(pictures, at, column + 1), tf.float32)
        return start + right_share * (end - start)

    upper = line(row)
    return upper + lower_share * (line(row + 1) - upper)
