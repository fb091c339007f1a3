"""What decoding less gains: `python -m benchmarks.input.decoding`.

Random crops of a quarter of photographs of 2,000x1,500, decoded alone, against the same windows
cut from pictures that are decoded whole; and the compressed strategy's later epochs against
streaming. Each pair takes turns within one run. Bars: crops 2 times as fast, the compressed
strategy 3 times in 1/8 of the memory.
"""

import argparse
import contextlib
import functools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.input import photographs
from benchmarks.input.photographs import SHAPE
from components.trainer.input import compressed, crop, jpeg, records
from components.trainer.input.crop import RandomCrop
from components.trainer.input.features import LABEL, image_feature
from components.trainer.input.function import feed
from components.trainer.input.options import FeedOptions
from components.trainer.input.source import Source
from components.trainer.input_plan.speed import Speed, at_most, core_seconds
from components.usable_cores import usable_cores

BATCH = 16  # so that what is ready of large photographs is soon taken
QUARTER = RandomCrop(area=(0.25, 0.25), aspect=(4 / 3, 4 / 3))
_READY = 16  # batches that the input function has ready at most
_SETTLED = 0.2  # seconds without work
_CROPS, _LATER, _MEMORY = 2, 3, 1 / 8  # the bars


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="photographs of 500x375")
    parser.add_argument("--large", type=int, default=256, help="photographs of 2,000x1,500")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "steadyfeed")
    given = parser.parse_args()
    large = photographs.make_large(given.data, given.large)
    measure = functools.partial(in_turn, given.rounds, given.seconds)
    print("random crops of a quarter of 2,000x1,500 at 224x224")
    crops(_source(large), measure)
    print("kept as JPEGs, later epochs at 224x224")
    for name, files in (
        ("of 500x375", photographs.make(given.data, given.images).encoded),
        ("of 2,000x1,500", large),
    ):
        kept(name, _source(files), measure)


def _source(files: list[str]) -> Source:
    return records.source(files, (image_feature(SHAPE), LABEL), encoded=True)


def crops(source: Source, measure: Callable) -> None:
    speeds = measure(
        {
            "the window alone": _cropped(source, crop.decode_window),
            "cut from the whole picture": _cropped(source, _cut_from_full),
            "cut from the whole picture, shrunk as much": _cropped(source, _cut_from_shrunk),
        }
    )
    ours, full, shrunk = speeds.values()
    _ratio("the window alone ÷ cut from the whole picture", ours, full, _CROPS)
    _ratio("the window alone ÷ cut from the whole, shrunk as much", ours, shrunk)


def _cropped(source: Source, decode: Callable) -> Callable:
    @contextlib.contextmanager
    def batches():
        before, crop.decode_window = crop.decode_window, decode
        try:
            options = FeedOptions(seed=1, crop=QUARTER)
            yield iter(feed(source, BATCH, training=True, options=options).dataset)
        finally:
            crop.decode_window = before

    return batches


def _cut_from_full(image, size, window, channels, ratio):
    """By the quickest whole decoding; the resizing then shrinks it, without a filter."""
    whole = _whole(image, size, channels, 1)
    top, left, height, width = window
    return whole[top : top + height, left : left + width]


def _cut_from_shrunk(image, size, window, channels, ratio):
    whole = _whole(image, size, channels, ratio)
    top, left, height, width = (part // ratio for part in window)
    return whole[top : top + height, left : left + width]


def _whole(image, size, channels, ratio) -> np.ndarray:
    import simplejpeg

    height, width = (-(-side // ratio) for side in size)
    return simplejpeg.decode_jpeg(
        image,
        "RGB",
        fastdct=True,
        fastupsample=True,
        min_height=height,
        min_width=width,
        min_factor=ratio,
        buffer=jpeg._buffer(height * width * channels),
    )


def kept(name: str, source: Source, measure: Callable) -> None:
    def batches(strategy: str) -> Callable:
        options = FeedOptions(seed=1, strategy=strategy)
        made = feed(source, BATCH, training=True, options=options)
        batches = iter(made.dataset)
        for _ in range(made.steps_per_epoch):
            next(batches)
        return lambda: contextlib.nullcontext(batches)

    speeds = measure({f"{way}, {name}": batches(way) for way in ("compressed", "streaming")})
    _ratio(f"compressed ÷ streaming, {name}", *speeds.values(), _LATER)
    store = compressed.load(source)
    share = store.image_bytes / (source.count() * source.features[0].row_bytes)
    met = "met" if share <= _MEMORY else "NOT met"
    print(f"  memory ÷ decoded: {share:.3f} (1/{1 / share:.1f}) ≤ {_MEMORY:g}: {met}")
    print(f"  pixels differ by {_difference(source, store):.2f} of 255 on average", flush=True)


def _difference(source: Source, store: compressed.Store) -> float:
    rows = next(iter(source.chunks()))[0].numpy()
    again = np.empty_like(rows)
    jpeg.decode_whole(store.images[: len(rows)], SHAPE[2], again)
    return float(np.abs(rows.astype(int) - again).mean())


def in_turn(rounds: int, seconds: float, ways: dict[str, Callable]) -> dict[str, Speed]:
    """The median speed of each way, which take turns.

    Args:
      ways: functions without arguments to a context of an iterator of batches.
    """
    found = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            _settle()
            with way() as batches:
                at_most(batches, BATCH, seconds / 3, fewest=_READY)
                found[name].append(at_most(batches, BATCH, seconds, fewest=usable_cores()))
    speeds = {name: Speed(*np.median(each, axis=0)) for name, each in found.items()}
    for name, speed in speeds.items():
        print(
            f"  {name:<44}{speed.images_per_second:>8,.0f} images/s"
            f"{speed.images_per_core_second:>8,.0f} a core second",
            flush=True,
        )
    return speeds


def _settle() -> None:
    """Waits until the other ways have filled their buffers."""
    while True:
        before = core_seconds()
        time.sleep(_SETTLED)
        if core_seconds() - before < _SETTLED / 10:
            return


def _ratio(what: str, ours: Speed, other: Speed, bar: float | None = None) -> None:
    in_time = ours.images_per_second / other.images_per_second
    of_cores = ours.images_per_core_second / other.images_per_core_second
    line = f"  {what}: {in_time:.2f}, in core time {of_cores:.2f}"
    if bar:
        line += f" ≥ {bar}: {'met' if in_time >= bar else 'NOT met'}"
    print(line, flush=True)


if __name__ == "__main__":
    main()
