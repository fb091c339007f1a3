"""Ingest of a folder of small JPEGs against TFDS's way, and against copying the files.

    .venv/bin/python -m benchmarks.sources [--images 50000] [--rounds 3]

Ours is FolderExampleGen as a run has it: the driver's fingerprint, then the executor, from files
to TFRecords of Examples. TFDS's way is to prepare a dataset of the images that tfds.ImageFolder
lists (which cannot be prepared itself) and to read its records, images undecoded. The files are
also copied by as much Python as that takes, file by file, which is the rate at which they can be
read and written; and into one file, which no reader of classes could use. All are read once
before anything is measured, so that no round pays for the disk.

Last, ours reads a tenth of the images and all of them in a fresh process each, and the peaks of
their memory are compared. The code is 1 when a bar is missed.
"""

import argparse
import io
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peak_memory import with_peak
from pipeline.quiet import chatter_to

TFDS_BAR = 3.0  # times as fast as TFDS's way
COPY_BAR = 0.8  # of the rate of copying the files
MEMORY_BAR = 1.1  # peak with all images, as a part of that with a tenth
CLASSES = 10
SPLITS = ("train", "train", "train", "train", "test")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory(prefix="sources-") as folder, chatter_to(os.devnull):
        measured = measure(Path(folder), arguments.images, arguments.rounds)
    return report(arguments.images, *measured)


def measure(folder: Path, images: int, rounds: int):
    """Bytes of all images; seconds by way, of each round; MiB with a tenth and with all."""
    few, many = folder / "few", folder / "many"
    write_images(few, images // 10)
    size = write_images(many, images)
    for work in WAYS.values():  # Imports, and the files of `many` into memory.
        work(few, folder / "first")
        shutil.rmtree(folder / "first")
    join(many, folder / "first")
    seconds = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, work in WAYS.items():
            began = time.monotonic()
            work(many, folder / way)
            seconds[way].append(time.monotonic() - began)
            shutil.rmtree(folder / way)
    peaks = [with_peak(ingest, photos, folder / f"of-{photos.name}")[1] for photos in (few, many)]
    return size, seconds, peaks


def write_images(folder: Path, number: int) -> int:
    """Writes `<split>/<class>/<number>.jpg`; returns the bytes of all."""
    import numpy as np
    from PIL import Image

    chance, size = np.random.default_rng(0), 0
    for index in range(number):
        place = folder / SPLITS[index // CLASSES % len(SPLITS)] / f"class-{index % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        blocks = Image.fromarray(chance.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        file = io.BytesIO()
        blocks.resize((96, 96), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        size += (place / f"{index:06}.jpg").write_bytes(file.getvalue())
    return size


def ingest(photos: Path, output: Path) -> None:
    """Ours, as the runner calls it."""
    from tfx.types.standard_artifacts import Examples

    from components.folder_example_gen.component import FolderExampleGen_Executor
    from components.folder_example_gen.contents import Driver
    from settings.data import Features
    from settings.sources import FolderSource

    source = FolderSource(path=str(photos)).model_dump_json()
    properties = {"source": source, "features": Features().model_dump_json()}
    fingerprint = Driver(None).value({}, properties)
    examples = Examples()
    examples.uri = str(output)
    executor = FolderExampleGen_Executor(FolderExampleGen_Executor.Context())
    executor.Do({}, {"examples": [examples]}, properties | {"fingerprint": fingerprint})


def prepare_and_read(photos: Path, output: Path) -> None:
    """TFDS's way."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import registered

    listed = tfds.ImageFolder(str(photos))
    with registered.skip_registration():

        class Prepared(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                kinds = {"image": tfds.features.Image(), "label": listed.info.features["label"]}
                features = tfds.features.FeaturesDict(kinds)
                return tfds.core.DatasetInfo(builder=self, features=features)

            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(split) for split in listed.info.splits}

            def _generate_examples(self, split):
                for path in sorted((photos / split).glob("*/*.jpg")):
                    yield path.name, {"image": path, "label": path.parent.name}

    builder = Prepared(data_dir=str(output))
    builder.download_and_prepare()
    for split in builder.info.splits:
        decoders = {"image": tfds.decode.SkipDecoding()}
        for _ in builder.as_dataset(split=split, decoders=decoders).as_numpy_iterator():
            pass


def copy(photos: Path, output: Path) -> None:
    """Reads each file and writes it beside the others."""
    output.mkdir(parents=True)
    for number, path in enumerate(files(photos)):
        with open(path, "rb") as file, open(output / str(number), "wb") as copied:
            copied.write(file.read())


def join(photos: Path, output: Path) -> None:
    """Reads each file and writes all into one."""
    output.mkdir(parents=True)
    with open(output / "all", "wb") as joined:
        for path in files(photos):
            with open(path, "rb") as file:
                joined.write(file.read())
        joined.flush()
        os.fsync(joined.fileno())


def files(folder: Path):
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in names)


WAYS = {"ours": ingest, "tfds": prepare_and_read, "copied": copy, "joined": join}


def report(images, size, seconds, peaks) -> int:
    rates = {way: images / statistics.median(found) for way, found in seconds.items()}
    few, many = peaks
    against_tfds, against_copy = rates["ours"] / rates["tfds"], rates["ours"] / rates["copied"]
    met = {
        f"{against_tfds:.1f} times TFDS's way, at least {TFDS_BAR}": against_tfds >= TFDS_BAR,
        f"{against_copy:.2f} of copying, at least {COPY_BAR}": against_copy >= COPY_BAR,
        f"{many / few:.2f} times the memory, at most {MEMORY_BAR}": many / few <= MEMORY_BAR,
    }
    print(f"{images:,} JPEGs of {size / images / 1000:.1f} KB, images a second:")
    for way, rate in rates.items():
        print(f"  {way:8}{rate:10,.0f}")
    print(f"peak memory: {few:.0f} MiB at {images // 10:,}, {many:.0f} at {images:,}")
    for bar, is_met in met.items():
        print(f"{bar}: {'met' if is_met else 'missed'}")
    return int(not all(met.values()))


if __name__ == "__main__":
    sys.exit(main())
