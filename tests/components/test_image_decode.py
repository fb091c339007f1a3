"""Every picture decodes to Pillow's pixels, or is refused: in a graph, eagerly, in a batch."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.image_decode import decode_image, map_images
from components.image_flaws import REFUSAL
from tests.components.picture_variants import unmarked_cmyk, variants
from tests.components.pictures import by_pillow, encode, picture, with_bytes
from tests.components.turned_variants import exif

SIZES = [(1, 1), (7, 5), (33, 17)]  # height, width; tests/components/test_image_doors.py: 20, 28


@pytest.fixture(scope="module", params=[1, 3])
def decoder(request):
    channels = request.param
    signature = [tf.TensorSpec([], tf.string)]
    return channels, tf.function(lambda one: decode_image(one, channels, True), signature)


@pytest.mark.slow
def test_hundreds_of_ways_to_write_a_picture_decode_as_pillow_decodes_them(decoder):
    channels, decode = decoder
    wrong, count = [], 0
    for name, encoded, tolerance in itertools.chain.from_iterable(map(variants, SIZES)):
        count += 1
        expected = by_pillow(encoded, channels)
        try:
            found = decode(encoded).numpy().astype(int)
        except tf.errors.InvalidArgumentError as error:
            wrong.append(f"{name}: {error.message[:100]}")
            continue
        if found.shape != expected.shape:
            wrong.append(f"{name}: {found.shape} instead of {expected.shape}")
        elif np.abs(found - expected).max() > tolerance:
            wrong.append(f"{name}: off by {np.abs(found - expected).max()}")
    assert count >= 1000  # of each number of channels
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_eager_graph_and_batch_agree(channels):
    pictures = [
        encode(picture((9, 9), mode), kind)
        for mode, kind in [("RGB", "PNG"), ("P", "BMP"), ("RGBA", "WEBP"), ("CMYK", "JPEG")]
    ]
    spec = tf.TensorSpec([9, 9, channels], tf.uint8)
    batch = map_images(
        lambda one: one, tf.constant(pictures), channels, True, fn_output_signature=spec
    )
    for encoded, of_batch in zip(pictures, batch.numpy(), strict=True):
        eager = decode_image(tf.constant(encoded), channels, True).numpy()
        [in_data] = tf.data.Dataset.from_tensors(encoded).map(
            lambda one: decode_image(one, channels, True)
        )
        np.testing.assert_array_equal(eager, in_data.numpy())
        np.testing.assert_array_equal(eager, of_batch)


def animated_webp(lossless):
    frames = [picture((9, 7), "RGB", seed) for seed in (1, 2)]
    return encode(picture((9, 7)), "WEBP", save_all=True, append_images=frames, lossless=lossless)


BMP_P, BMP_RGB = (encode(picture((8, 8), mode), "BMP") for mode in ("P", "RGB"))


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (encode(picture((8, 8), "1"), "BMP"), "1, 4 or 16 bits a pixel"),
        (with_bytes(BMP_RGB, 28, b"\x10\x00"), "1, 4 or 16 bits a pixel"),
        (with_bytes(BMP_P, 30, b"\x01\x00\x00\x00"), "compressed"),
        (with_bytes(BMP_RGB, 14, b"\x0c\x00\x00\x00"), "the header of OS/2"),
        (with_bytes(BMP_P, 10, b"\x36\x00\x00\x00"), "without its palette"),
        (animated_webp(lossless=True), "an animated WebP"),
        (
            with_bytes(encode(picture((8, 8), "P"), "GIF"), 6, b"\x09\x00"),
            "smaller than its canvas",
        ),
        (animated_webp(lossless=False), "an animated WebP"),
        (b"\xff\x0a" + bytes(90), "a JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(90), "a JPEG XL"),
        (unmarked_cmyk((8, 8)), "a CMYK JPEG without the marker of Adobe"),
        (
            unmarked_cmyk((8, 8), lambda one: b"\xff\xee\0\r" + one[4:15]),
            "without the marker of Adobe",
        ),
        (
            unmarked_cmyk((8, 8), lambda one: one.replace(b"Adobe", b"Other")),
            "without the marker of Adobe",
        ),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_tensorflow_would_misread_is_refused_with_the_reason(encoded, reason, channels):
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        decode_image(tf.constant(encoded), channels, True)
    [message] = REFUSAL.findall(refused.value.message)
    assert reason in message


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "BMP", "GIF", "WEBP", "JPEG"]),
    cut=st.integers(0, 240),
    junk=st.binary(max_size=40),
)
def test_damaged_bytes_are_refused_or_decoded_and_end_in_nothing_else(kind, cut, junk):
    options = {} if kind in ("GIF", "BMP") else {"exif": exif(6, ">")}
    mode = "RGB" if options else "P"
    encoded = encode(picture((9, 9), mode), kind, **options)
    try:
        image = decode_image(tf.constant(encoded[:cut] + junk), 3, True)
    except tf.errors.InvalidArgumentError:
        return
    assert image.dtype == tf.uint8


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_a_server_of_an_older_tensorflow_knows_every_op_and_may_inline_it(channels):
    graph = tf.function(decode_image).get_concrete_function(
        tf.TensorSpec([], tf.string), channels, True
    )
    definition = graph.graph.as_graph_def()
    functions = [node for function in definition.library.function for node in function.node_def]
    ops = {node.op for node in [*definition.node, *functions]}
    # That of WebP alone came after 2.19, the version of the locked tensorflow-serving-api.
    assert "DecodeWebP" not in ops
    # With one stateful op, each signature of a served model is optimized again and again.
    assert not ops & {"Assert", "If", "Case", "While", "StatefulPartitionedCall"}
