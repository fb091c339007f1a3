"""A few thousand photographs of about 500x375, from those that the dependencies ship."""

import dataclasses
import importlib.util
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

SHAPE = (224, 224, 3)  # height, width, channels of what the model gets
BATCH = 64
_SHARDS = 8
_FORMAT = 3  # to be counted up when what is written changes
_QUALITY = 90
_LARGE = (1500, 2000)  # height and width


@dataclasses.dataclass(frozen=True)
class Photographs:
    """The same images in three forms.

    Attributes:
      folder: where they lie.
      loose: one JPEG a file.
      encoded: TFRecord shards of Examples with JPEGs, as ExampleGen writes them.
      raw: TFRecord shards of Examples with raw uint8 of SHAPE, as Transform writes them.
    """

    folder: Path
    loose: list[str]
    encoded: list[str]
    raw: list[str]

    @property
    def count(self) -> int:
        return len(self.loose)

    def jpegs(self) -> list[bytes]:
        return [Path(file).read_bytes() for file in self.loose]


def load(folder: Path) -> Photographs:
    """Finds what `make` has written below `folder`."""
    return Photographs(
        folder,
        *(sorted(map(str, folder.glob(f"{kind}/*"))) for kind in ("loose", "encoded", "raw")),
    )


def make(folder: Path, count: int) -> Photographs:
    """Writes `count` photographs below `folder`, unless they are there."""
    folder = folder / f"photographs-{count}-{_FORMAT}"
    done = folder / "done"
    if not done.exists():
        for kind in ("loose", "encoded", "raw"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        for number, jpeg in enumerate(jpegs(count)):
            (folder / "loose" / f"{number:06d}.jpg").write_bytes(jpeg)
        _write_shards(folder)
        done.touch()
    return load(folder)


def make_large(folder: Path, count: int) -> list[str]:
    """TFRecord shards of Examples with JPEGs of 2,000x1,500, unless they are there."""
    import tensorflow as tf

    folder = folder / f"photographs-large-{count}-{_FORMAT}"
    done = folder / "done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        random, pictures = np.random.default_rng(0), _pictures()
        for shard in range(_SHARDS):
            name = f"data_tfrecord-{shard:05d}-of-{_SHARDS:05d}"
            with tf.io.TFRecordWriter(str(folder / name)) as writer:
                for number in range(shard, count, _SHARDS):
                    picture = _mirrored(pictures[number % len(pictures)], random)
                    writer.write(example(_encoded(picture), number))
        done.touch()
    return sorted(map(str, folder.glob("data_tfrecord-*")))


def _mirrored(picture: np.ndarray, random: np.random.Generator):
    """A picture of 2,000x1,500 of another one and its mirror images, so not enlarged."""
    from PIL import Image

    height, width, _ = picture.shape
    top, left = random.integers(0, height), random.integers(0, width)
    more = ((top, _LARGE[0]), (left, _LARGE[1]), (0, 0))
    filled = np.pad(picture, more, mode="symmetric")[: _LARGE[0], : _LARGE[1]]
    return Image.fromarray(filled)


def jpegs(count: int):
    """`count` different photographs, encoded."""
    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run meanwhile.
        return pool.map(_jpeg, _crops(count))


def _crops(count: int):
    from PIL import Image

    sources = [Image.fromarray(picture) for picture in _pictures()]
    random = np.random.default_rng(0)
    for number in range(count):
        source = sources[number % len(sources)]
        scale = random.uniform(0.6, 1.0) * min(source.width / 4, source.height / 3)
        width, height = int(4 * scale), int(3 * scale)
        left = random.integers(0, source.width - width + 1)
        top = random.integers(0, source.height - height + 1)
        yield source.crop((left, top, left + width, top + height))


def _jpeg(crop) -> bytes:
    from PIL import Image

    return _encoded(crop.resize((500, 375), Image.Resampling.BICUBIC))


def _encoded(picture) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _pictures() -> list[np.ndarray]:
    from sklearn.datasets import load_sample_images

    found = load_sample_images().images
    if importlib.util.find_spec("skimage"):  # Only `make bench` installs it.
        from skimage import data

        found += [getattr(data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")]
    return found


def _write_shards(folder: Path) -> None:
    import tensorflow as tf

    from components.trainer.input.function import input_function
    from components.trainer.input.options import FeedOptions
    from components.transform.encoding import FixedExample

    form = FixedExample({"image": int(np.prod(SHAPE)), "label": "int64"})
    jpegs = sorted(folder.glob("loose/*"))
    bounds = np.linspace(0, len(jpegs), _SHARDS + 1).astype(int)
    for shard in range(_SHARDS):
        name = f"data_tfrecord-{shard:05d}-of-{_SHARDS:05d}"
        encoded = str(folder / "encoded" / name)
        with tf.io.TFRecordWriter(encoded) as writer:
            for number in range(bounds[shard], bounds[shard + 1]):
                writer.write(example(jpegs[number].read_bytes(), number))
        decoded = input_function(
            [encoded],
            SHAPE,
            BATCH,
            training=False,
            encoded=True,
            options=FeedOptions(strategy="streaming"),
        )
        with tf.io.TFRecordWriter(str(folder / "raw" / name)) as writer:
            for images, labels in decoded.dataset:
                for image, label in zip(images.numpy(), labels.numpy(), strict=True):
                    writer.write(form.encode({"image": image.tobytes(), "label": int(label)}))


def example(image: bytes, label: int) -> bytes:
    """A serialized Example, as ExampleGen writes it."""
    import tensorflow as tf

    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
