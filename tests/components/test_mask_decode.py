"""Masks are decoded to the values that they hold, whatever colours stand for these."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.mask_decode import decode_mask
from components.tasks.segmentation import mask_ops
from components.trainer.input.decode import decode_masks
from settings.preprocessing import Preprocessing

COLOURS = np.random.default_rng(1).integers(0, 256, 768).astype(np.uint8).tobytes()
IN_A_GRAPH = tf.function(decode_mask, input_signature=[tf.TensorSpec((), tf.string)])


def with_palette(ids, bits=8, **how):
    image = Image.fromarray(ids).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(COLOURS[: 3 << bits])
    out = io.BytesIO()
    image.save(out, "PNG", bits=bits, **how)
    assert out.getvalue()[24:26] == bytes([bits, 3])
    return out.getvalue()


def some_ids(bits):
    return np.random.default_rng(0).integers(0, 1 << bits, (13, 21)).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [None, 1, 2, 3])
def test_the_places_in_the_palette_are_the_values(bits, transparent):
    ids = some_ids(bits)
    how = {} if transparent is None else {"transparency": bytes(transparent)}
    encoded = tf.constant(with_palette(ids, bits, **how))
    np.testing.assert_array_equal(decode_mask(encoded)[:, :, 0], ids)
    np.testing.assert_array_equal(tf.function(decode_mask)(encoded)[:, :, 0], ids)


def test_grey_masks_keep_their_values():
    out = io.BytesIO()
    Image.fromarray(some_ids(8)).save(out, "PNG")
    np.testing.assert_array_equal(decode_mask(tf.constant(out.getvalue()))[:, :, 0], some_ids(8))


def in_16_bits(ids):
    out = io.BytesIO()
    Image.fromarray(np.asarray(ids, np.uint16)).save(out, "PNG")
    assert out.getvalue()[24:26] == bytes([16, 0])
    return out.getvalue()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    most=st.integers(0, 255),
    seed=st.integers(0, 99),
)
def test_values_in_16_bits_come_back(height, width, most, seed):
    ids = np.random.default_rng(seed).integers(0, most + 1, (height, width))
    encoded = tf.constant(in_16_bits(ids))
    np.testing.assert_array_equal(decode_mask(encoded)[:, :, 0], ids)
    np.testing.assert_array_equal(IN_A_GRAPH(encoded)[:, :, 0], ids)


@pytest.mark.parametrize("value", [256, 257, 0x1400, 65535])
@pytest.mark.parametrize("decode", [decode_mask, IN_A_GRAPH], ids=["eagerly", "in a graph"])
def test_values_that_are_no_uint8_are_refused_with_the_value(decode, value):
    encoded = tf.constant(in_16_bits([[0, 20], [value, 255]]))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"holds {value}, and values go up to 255"
    ):
        decode(encoded)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("decode", [decode_mask, IN_A_GRAPH], ids=["eagerly", "in a graph"])
def test_grey_levels_in_16_bits_are_values_with_colours_and_alpha_too(decode, channels):
    ids = some_ids(8).astype(np.uint16)
    written = np.repeat(ids[..., None], channels, axis=-1)
    if channels in (2, 4):
        written[..., -1] = 65535
    encoded = tf.io.encode_png(written)
    np.testing.assert_array_equal(decode(encoded)[:, :, 0], ids)


@pytest.mark.parametrize("alpha", [[], [65535]])
@pytest.mark.parametrize("decode", [decode_mask, IN_A_GRAPH], ids=["eagerly", "in a graph"])
def test_colours_of_16_bits_are_not_taken_for_grey_levels(decode, alpha):
    written = np.array([[[10, 10, 10, *alpha], [100, 200, 300, *alpha]]], np.uint16)
    with pytest.raises(tf.errors.InvalidArgumentError, match="in colour: give each class a colour"):
        decode(tf.io.encode_png(written))


@pytest.mark.parametrize(
    "broken", [b"", b"no image", with_palette(some_ids(8))[:60], in_16_bits(some_ids(8))[:60]]
)
def test_bytes_that_are_no_whole_image_are_refused(broken):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_mask(tf.constant(broken))


@pytest.mark.slow
def test_transform_and_the_trainer_read_a_palette_by_its_places():
    ids = np.kron(np.array([[1, 2], [15, 1]], np.uint8), np.ones((10, 10), np.uint8))
    encoded = tf.constant([with_palette(ids)])
    rows = decode_masks(encoded, (20, 20, 1))
    np.testing.assert_array_equal(rows[0].numpy().reshape(20, 20), ids)
    values = [1, 2, 15]
    options = Preprocessing.of(height=20, width=20)
    [made] = mask_ops.masks_to_bytes(encoded, tf.constant([[20, 20]]), options, values).numpy()
    expected = np.select([ids == 1, ids == 2], [0, 1], 2)
    np.testing.assert_array_equal(np.frombuffer(made, np.uint8).reshape(20, 20), expected)


COLOURED = [0xFF8000, 0x000000, 0x80C0FF]
WRITTEN = [("PNG", "RGB"), ("PNG", "P"), ("PNG", "RGBA"), ("BMP", "RGB"), ("BMP", "P")]
INDEXED = [("PNG", "P"), ("BMP", "P")]  # their palettes' places are values
WRITTEN += [("GIF", "P"), ("WEBP", "RGB"), ("WEBP", "RGBA")]


def coloured(kind, mode):
    """A mask of the three colours, and at its end of another one; and its (8, 9) ids."""
    ids = np.random.default_rng(2).integers(0, 3, (8, 9))
    ids[-1, -1] = 255
    shown = np.select([ids == place for place in range(3)], COLOURED, 0x123456)
    pixels = np.stack([shown >> 16, shown >> 8 & 255, shown & 255], -1).astype(np.uint8)
    image = Image.fromarray(pixels)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    return tf.constant(out.getvalue()), ids


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode"), WRITTEN)
def test_colours_are_classes_in_every_lossless_format(kind, mode):
    encoded, ids = coloured(kind, mode)
    np.testing.assert_array_equal(decode_mask(encoded, COLOURED)[:, :, 0], ids)
    in_a_graph = tf.function(lambda mask: decode_mask(mask, COLOURED))
    np.testing.assert_array_equal(in_a_graph(encoded)[:, :, 0], ids)


@pytest.mark.parametrize(("kind", "mode"), [w for w in WRITTEN if w not in INDEXED])
@pytest.mark.parametrize("decode", [decode_mask, IN_A_GRAPH], ids=["eagerly", "in a graph"])
def test_colours_are_not_taken_for_grey_levels(kind, mode, decode):
    with pytest.raises(tf.errors.InvalidArgumentError, match="in colour: give each class a colour"):
        decode(coloured(kind, mode)[0])


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(k, m) for k in ("PNG", "WEBP") for m in ("L", "LA", "RGB", "RGBA")]
    + [("BMP", "L"), ("BMP", "RGB"), ("GIF", "L")],
)
def test_grey_levels_are_values_in_every_lossless_format(kind, mode):
    out = io.BytesIO()
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    Image.fromarray(some_ids(8)).convert(mode).save(out, kind, **options)
    encoded = tf.constant(out.getvalue())
    np.testing.assert_array_equal(decode_mask(encoded)[:, :, 0], some_ids(8))
    np.testing.assert_array_equal(IN_A_GRAPH(encoded)[:, :, 0], some_ids(8))


def test_an_animated_mask_is_refused():
    out = io.BytesIO()
    frames = [Image.new("RGB", (9, 7), grey) for grey in ("white", "black")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    for colours in ((), COLOURED):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode_mask(tf.constant(out.getvalue()), colours)
