"""What each component takes for an image: runs of the pipeline at 1, 4 and 16 times the images."""

import resource
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from tfx.orchestration import metadata

from benchmarks.input.photographs import jpegs
from benchmarks.scale.estimate import Cost, Measured
from components.engine_arguments import beam_arguments
from pipeline.create_pipeline import create_pipeline
from pipeline.local_runner import LocalRunner
from settings.reading import load

SIDE = 224
PIXELS = 500 * 375
_CLASSES = 10
_TESTED = 50  # per cent of the images, which are those that the Evaluator reads
_NAMES = {"FolderExampleGen": "ingest"}
STAGES = ("ingest", "StatisticsGen", "Transform", "Evaluator")
_CONFIGURATION = """
name: scale
root: {root}
data:
  source: folder
  path: {images}
  splits: {{train: {trained}, test: {tested}}}
preprocessing: {{height: {side}, width: {side}}}
model: {{name: small_cnn}}
training: {{epochs: 1, batch_size: 8, input_report: {{enabled: false}}}}
serving: {{check: false}}
evaluation: {{thresholds: {{accuracy: {{min: 0.0}}}}}}
push: {{destination: {root}/pushed}}
"""


def measure(images: int, rounds: int, folder: Path, say=print) -> Measured:
    """Runs the pipeline on `images`, 4 and 16 times as many photographs of 500x375.

    CPU seconds of this process and of those that it starts, so that other programs on the machine
    count little; the least of the rounds, as what else a machine does can only add to them.
    """
    counts = [images, 4 * images, 16 * images]
    source = folder / "images"
    taken, total = {name: {} for name in STAGES}, 0
    _write(source, 64)
    run(source, folder, _TESTED)  # What only the first run does does not count per image.
    for count in counts:
        total = _write(source, count)
        spent = [run(source, folder, _TESTED) for _ in range(rounds)]
        for name, of_counts in taken.items():
            read = count * _TESTED // 100 if name == "Evaluator" else count
            of_counts[read] = min(one[name].cpu for one in spent)
        last = {name: list(of_counts.values())[-1] for name, of_counts in taken.items()}
        say(f"{count:,} images: " + ", ".join(f"{n} {s:.1f} s" for n, s in last.items()))
    costs = {name: Cost.of(of_counts) for name, of_counts in taken.items()}
    return Measured(costs, total / counts[-1], PIXELS, SIDE * SIDE * 3)


def _write(folder: Path, count: int) -> int:
    """Writes images below `folder` until there are `count`; returns their bytes."""
    for number, jpeg in enumerate(jpegs(count)):
        file = folder / f"class{number % _CLASSES}" / f"{number:06d}.jpg"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(jpeg)
    return sum(file.stat().st_size for file in folder.rglob("*.jpg"))


class Spent(NamedTuple):
    """Seconds of a component."""

    cpu: float  # of this process and of those that it started and that have ended
    clock: float


class _Meter:
    """An observer that notes what each component takes."""

    def __init__(self):
        self.spent = {}

    def started(self, component):
        self._began = _now()

    def finished(self, outcome):
        name = _NAMES.get(outcome.component, outcome.component)
        if name in STAGES:
            now = _now()
            self.spent[name] = Spent(now.cpu - self._began.cpu, now.clock - self._began.clock)


def _now() -> Spent:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Spent(sum(one.ru_utime + one.ru_stime for one in used), time.perf_counter())


def run(images: Path, folder: Path, tested: int) -> dict[str, Spent]:
    """{stage: what it took} of one run on images in folders; below `folder`, and removed there.

    Args:
      tested: per cent of the images that the Evaluator reads; the others are trained with.
    """
    root, file = folder / "root", folder / "scale.yaml"
    root.mkdir()
    file.write_text(
        _CONFIGURATION.format(
            root=root, images=images, side=SIDE, trained=100 - tested, tested=tested
        )
    )
    configuration = load(str(file))
    connection = metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite"))
    meter = _Meter()
    runner = LocalRunner(meter, "scale", beam_arguments=beam_arguments(configuration.beam))
    runner.run(create_pipeline(configuration, metadata_connection_config=connection))
    shutil.rmtree(root)
    return meter.spent
