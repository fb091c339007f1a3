"""Real requests, from raw Examples, and how one served model is asked all of them."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.serving_check.serving_process import ServingError
from components.transform.corrupt_images import corruption
from files import tfrecords
from files.places import files_in
from settings.data import Features
from settings.preprocessing import Preprocessing

CLASSIFY = ("serving_default", "serve_examples")  # encoded images, raw Examples
TRANSFORM = "transform_features"
# (signature, texts, keep) -> {output: the last `keep` of the answers to the batch of texts}
Ask = Callable[[str, Sequence[bytes], int], Mapping[str, np.ndarray]]
_CORRUPT = b"\x89PNG\r\n\x1a\nthis is not a picture"
_TIME_BUDGET = 0.3  # seconds of latency measurement a model


class Requests(NamedTuple):
    """What each signature is asked: the same images for all."""

    texts: Mapping[str, Sequence[bytes]]
    corrupt: Mapping[str, bytes]  # a request with a corrupt image


def from_examples(
    split_uri: str, features: Features, preprocessing: Preprocessing, most: int
) -> Requests:
    """Requests of the first `most` Examples of a split's TFRecord shards, in their order.

    Examples with a corrupt image or mask are skipped, as Transform dropped them.
    """
    image_feature = features.image_feature
    read = (
        image_feature,
        preprocessing.channels,
        preprocessing.exif_orientation,
        features.mask_feature,
        features.mask_colours,
    )
    records = itertools.chain.from_iterable(map(tfrecords.records, files_in(split_uri)))
    sound = (record for record in records if corruption(record, *read) is None)
    examples = list(itertools.islice(sound, most))
    parsed = [tf.train.Example.FromString(example) for example in examples]
    images = [one.features.feature[image_feature].bytes_list.value[0] for one in parsed]
    parsed[0].features.feature[image_feature].bytes_list.value[0] = _CORRUPT
    by_image, by_example = CLASSIFY
    return Requests(
        {by_image: images, by_example: examples, TRANSFORM: examples},
        {by_image: _CORRUPT, by_example: parsed[0].SerializeToString()},
    )


def interrogate(
    ask: Ask, requests: Requests, large_batch: int, report: Callable[[str], None]
) -> dict:
    """Asks one served model everything.

    It calls `report` with what is asked next.

    Returns:
      {"answers": {signature: {"one", "all", "large", "after": what `ask` gave}}, "corrupt":
      {signature: whether a corrupt image is an error}, "latency": [seconds of requests of one]}.
      "after" is one request after the corrupt image.

    Raises:
      ServingError: an answer to anything but a corrupt image was an error.
    """
    answers = {}
    for signature, texts in requests.texts.items():
        answers[signature] = {}
        batches = {"one": texts[:1], "all": texts, "large": _large(texts, large_batch)}
        for name, batch in batches.items():
            report(f"{signature} with a batch of {len(batch)}")
            answers[signature][name] = ask(signature, batch, len(texts))
    corrupt = {}
    for signature, text in requests.corrupt.items():
        report(f"{signature} with a corrupt image")
        corrupt[signature] = _is_refused(ask, signature, text)
        report(f"{signature} after a corrupt image")
        answers[signature]["after"] = ask(signature, requests.texts[signature][:1], 1)
    report("a request of one image")
    return {"answers": answers, "corrupt": corrupt, "latency": _latency(ask, requests)}


def _large(texts: Sequence[bytes], size: int) -> Sequence[bytes]:
    """The requests over and over, `size` of them or at least each once; ends with the last."""
    size = max(size, len(texts))
    return (texts * (size // len(texts) + 1))[-size:]


def _is_refused(ask: Ask, signature: str, text: bytes) -> bool:
    try:
        ask(signature, [text], 1)
    except ServingError:
        return True
    return False


def _latency(ask: Ask, requests: Requests) -> list[float]:
    """Seconds of single requests, 100 at most, as many as fit into the budget."""
    texts, seconds, end = requests.texts[CLASSIFY[0]], [], time.perf_counter() + _TIME_BUDGET
    while len(seconds) < 100 and (len(seconds) < 5 or time.perf_counter() < end):
        began = time.perf_counter()
        ask(CLASSIFY[0], [texts[len(seconds) % len(texts)]], 1)
        seconds.append(time.perf_counter() - began)
    return seconds
