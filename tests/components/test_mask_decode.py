"""Masks are decoded to the values that they hold, whatever colours stand for these."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.mask_decode import decode_mask
from components.trainer.input.decode import decode_masks
from components.transform import mask_ops
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


@pytest.mark.parametrize(
    "broken", [b"", b"no image", with_palette(some_ids(8))[:60], in_16_bits(some_ids(8))[:60]]
)
def test_bytes_that_are_no_whole_image_are_refused(broken):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_mask(tf.constant(broken))


def test_transform_and_the_trainer_read_a_palette_by_its_places():
    ids = np.kron(np.array([[1, 2], [15, 1]], np.uint8), np.ones((10, 10), np.uint8))
    encoded = tf.constant([with_palette(ids)])
    rows = decode_masks(encoded, (20, 20, 1))
    np.testing.assert_array_equal(rows[0].numpy().reshape(20, 20), ids)
    classes = {"one": 1, "two": 2, "fifteen": 15}
    options = Preprocessing.of(height=20, width=20)
    [made] = mask_ops.masks_to_bytes(encoded, tf.constant([[20, 20]]), options, classes).numpy()
    expected = np.select([ids == 1, ids == 2], [0, 1], 2)
    np.testing.assert_array_equal(np.frombuffer(made, np.uint8).reshape(20, 20), expected)
