"""Every picture decodes to Pillow's pixels, or is refused: in a graph, eagerly, in a batch."""

import io
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.image_decode import REFUSAL, decode_image, map_images

EXACT, LOSSY = 1, 20  # the largest difference of a pixel, 0..255
SIZES = [(1, 1), (7, 5), (20, 28), (33, 17)]  # height, width


def picture(size, mode="RGB", seed=0) -> Image.Image:
    """Blocks of colours, with an alpha channel where the mode has one."""
    height, width = size
    chance = np.random.default_rng(seed)
    blocks = chance.integers(0, 256, (height // 4 + 1, width // 4 + 1, 4), dtype=np.uint8)
    pixels = np.kron(blocks, np.ones((4, 4, 1), np.uint8))[:height, :width]
    made = Image.fromarray(pixels, "RGBA")
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return made.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else made.convert(mode)


def encode(image, kind, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def variants():
    """(name, bytes, the largest difference) of each way to write a picture."""
    for size in SIZES:

        def made(mode, kind, tolerance=EXACT, seed=0, size=size, **options):
            name = f"{kind} {mode} {size} " + " ".join(f"{k}={v}" for k, v in options.items())
            return name[:90], encode(picture(size, mode, seed), kind, **options), tolerance

        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            yield made(mode, "PNG")
            yield made(mode, "PNG", optimize=True)
        for bits in (1, 2, 4):
            few = picture(size).quantize(2**bits)
            yield f"PNG palette of {bits} bits {size}", encode(few, "PNG", bits=bits), EXACT
        yield made("P", "PNG", transparency=3)
        yield made("L", "PNG", transparency=7)
        yield made("RGB", "PNG", icc_profile=b"some profile")
        for mode in ("L", "P", "RGB", "RGBA"):
            yield made(mode, "BMP")
        for options in ({}, {"transparency": 3}, {"interlace": 0}, {"comment": b"hello"}):
            yield made("P", "GIF", **options)
        yield made("L", "GIF")
        others = [picture(size, "P", seed) for seed in (1, 2)]
        yield made("P", "GIF", save_all=True, append_images=others)
        for mode in ("L", "RGB", "RGBA"):
            yield made(mode, "WEBP", lossless=True, exact=True)
            yield made(mode, "WEBP", tolerance=LOSSY, quality=80, exact=True)
        for mode, quality, subsampling, progressive in itertools.product(
            ("L", "RGB", "CMYK"), (30, 75, 95), (0, 1, 2), (False, True)
        ):
            options = {"quality": quality, "progressive": progressive}
            if mode != "L":
                options["subsampling"] = subsampling
            elif subsampling:
                continue
            yield made(mode, "JPEG", tolerance=LOSSY, **options)
        yield made("RGB", "JPEG", tolerance=LOSSY, optimize=True, restart_marker_rows=1)
        yield made("RGB", "JPEG", tolerance=LOSSY, icc_profile=b"some profile")


def by_pillow(encoded: bytes, channels: int) -> np.ndarray:
    """(height, width, channels) int of the first frame, without its alpha channel."""
    image = Image.open(io.BytesIO(encoded))
    if image.mode == "I;16":
        grey = np.asarray(image).astype(int) >> 8
        return np.repeat(grey[..., None], channels, axis=2)
    colour = image.convert("RGBA").convert("RGB") if image.mode != "CMYK" else image.convert("RGB")
    return (
        np.asarray(colour if channels == 3 else colour.convert("L"))
        .astype(int)
        .reshape(image.height, image.width, channels)
    )


@pytest.fixture(scope="module", params=[1, 3])
def decoder(request):
    channels = request.param
    signature = [tf.TensorSpec([], tf.string)]
    return channels, tf.function(lambda one: decode_image(one, channels), signature)


def test_hundreds_of_ways_to_write_a_picture_decode_as_pillow_decodes_them(decoder):
    channels, decode = decoder
    wrong, count = [], 0
    for name, encoded, tolerance in variants():
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
    assert count >= 200  # of each number of channels
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("channels", [1, 3])
def test_eager_graph_and_batch_agree(channels):
    pictures = [
        encode(picture((9, 9), mode), kind)
        for mode, kind in [("RGB", "PNG"), ("P", "BMP"), ("RGBA", "WEBP"), ("CMYK", "JPEG")]
    ]
    spec = tf.TensorSpec([9, 9, channels], tf.uint8)
    batch = map_images(lambda one: one, tf.constant(pictures), channels, fn_output_signature=spec)
    for encoded, of_batch in zip(pictures, batch.numpy(), strict=True):
        eager = decode_image(tf.constant(encoded), channels).numpy()
        [in_data] = tf.data.Dataset.from_tensors(encoded).map(
            lambda one: decode_image(one, channels)
        )
        np.testing.assert_array_equal(eager, in_data.numpy())
        np.testing.assert_array_equal(eager, of_batch)


def with_bytes(encoded: bytes, position: int, value: bytes) -> bytes:
    return encoded[:position] + value + encoded[position + len(value) :]


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
        (with_bytes(BMP_RGB, 14, b"\x0c\x00\x00\x00"), "OS/2's header"),
        (with_bytes(BMP_P, 10, b"\x36\x00\x00\x00"), "without its palette"),
        (animated_webp(lossless=True), "an animated WebP"),
        (animated_webp(lossless=False), "an animated WebP"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_tensorflow_would_misread_is_refused_with_the_reason(encoded, reason, channels):
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        decode_image(tf.constant(encoded), channels)
    [message] = REFUSAL.findall(refused.value.message)
    assert reason in message


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "BMP", "GIF", "WEBP", "JPEG"]),
    cut=st.integers(0, 120),
    junk=st.binary(max_size=40),
)
def test_damaged_bytes_are_refused_or_decoded_and_end_in_nothing_else(kind, cut, junk):
    encoded = encode(picture((9, 9), "P" if kind in ("GIF", "BMP") else "RGB"), kind)
    try:
        image = decode_image(tf.constant(encoded[:cut] + junk), 3)
    except tf.errors.InvalidArgumentError:
        return
    assert image.dtype == tf.uint8


@pytest.mark.parametrize("channels", [1, 3])
def test_a_server_of_an_older_tensorflow_knows_every_op(channels):
    graph = tf.function(decode_image).get_concrete_function(tf.TensorSpec([], tf.string), channels)
    definition = graph.graph.as_graph_def()
    functions = [node for function in definition.library.function for node in function.node_def]
    # That of WebP alone came after 2.19, the version of the locked tensorflow-serving-api.
    assert "DecodeWebP" not in {node.op for node in [*definition.node, *functions]}
