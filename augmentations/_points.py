"""What Pillow's ImageOps and ImageEnhance do to levels, for batches of pictures.

Pictures are (batch, height, width, channels) uint8, and each channel is looked at by itself.
"""


def auto_contrast(pictures):
    """The levels of each channel stretched to 0..255; a channel of one level stays."""
    import tensorflow as tf

    levels = tf.cast(pictures, tf.float32)
    low = tf.reduce_min(levels, axis=[1, 2], keepdims=True)
    high = tf.reduce_max(levels, axis=[1, 2], keepdims=True)
    stretched = tf.floor((levels - low) * 255 / tf.maximum(high - low, 1))
    return tf.where(high > low, tf.cast(stretched, tf.uint8), pictures)


def equalize(pictures):
    """Every level of a channel becomes about equally frequent."""
    import tensorflow as tf

    height, width, channels = pictures.shape[1:]
    groups = tf.range(tf.shape(pictures)[0])[:, None] * channels + tf.range(channels)
    places = groups[:, None, None] * 256 + tf.cast(pictures, tf.int32)
    count = tf.shape(pictures)[0] * channels * 256
    ones = tf.ones_like(places)
    histogram = tf.math.unsorted_segment_sum(ones, places, count)
    histogram = tf.reshape(histogram, [-1, channels, 256])
    highest = tf.reduce_max(tf.cast(pictures, tf.int32), axis=[1, 2])  # (batch, channels)
    of_highest = tf.gather(histogram, highest, batch_dims=2)
    step = ((height * width - of_highest) // 255)[..., None]
    below = tf.cumsum(histogram, axis=-1, exclusive=True)
    evened = tf.minimum((below + step // 2) // tf.maximum(step, 1), 255)
    evened = tf.where(step > 0, evened, tf.range(256))
    return tf.cast(tf.gather(tf.reshape(evened, [-1]), places), tf.uint8)


def solarize(pictures, threshold: float):
    """Levels from the threshold on inverted."""
    import tensorflow as tf

    return tf.where(tf.cast(pictures, tf.float32) < threshold, pictures, 255 - pictures)


def posterize(pictures, bits: int):
    """Levels of this many bits."""
    coarse = 2 ** (8 - bits)
    return pictures // coarse * coarse


def sharpen(pictures, factor):
    """Away from (factor above 1, (batch,)) or towards a smoothed picture; the edge stays."""
    import tensorflow as tf

    levels = tf.cast(pictures, tf.float32)
    height, width = pictures.shape[1:3]
    around = tf.add_n(
        [levels[:, y : height - 2 + y, x : width - 2 + x] for y in range(3) for x in range(3)]
    )
    smooth = tf.floor((around + 4 * levels[:, 1:-1, 1:-1]) / 13 + 0.5)
    inside = tf.pad(tf.ones_like(smooth), [[0, 0], [1, 1], [1, 1], [0, 0]]) > 0
    smooth = tf.where(inside, tf.pad(smooth, [[0, 0], [1, 1], [1, 1], [0, 0]]), levels)
    sharp = smooth + factor[:, None, None, None] * (levels - smooth)
    return tf.cast(tf.clip_by_value(sharp, 0.0, 255.0), tf.uint8)
