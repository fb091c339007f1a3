"""Ten spans that arrive one by one, with a retraining on all of them after each.

    .venv/bin/python -m benchmarks.spans [--spans 10] [--images 600] [--pixels 96]

Runs ExampleGen, StatisticsGen and Transform of a folder of JPEGs as a local run does, each
retraining in a fresh process, and prints what each took and which spans it made anew. The code
is 1 when the last retraining took more than 1.3 times as long as the second, or made anything
anew but the newest span.
"""

import argparse
import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

BAR = 1.3
STEPS = ("FolderExampleGen", "StatisticsGen", "Transform")
_CLASSES = ("blue", "green", "red")
_PROJECT = Path(__file__).resolve().parents[1]


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spans")
    parser.add_argument("--spans", type=int, default=10)
    parser.add_argument("--images", type=int, default=600, help="of a span")
    parser.add_argument("--pixels", type=int, default=96, help="height and width of an image")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="spans-") as name:
        folder = Path(name)
        runs = []
        for span in range(1, given.spans + 1):
            arrive(folder / "incoming" / str(span), span, given.images, given.pixels)
            runs.append(retrained(folder))
            print_run(span, runs[-1])
    return judged(runs)


def arrive(folder, span, images, pixels):
    """A span of smooth pictures with noise, which compress as photographs do."""
    chance = np.random.default_rng(span)
    for number in range(images):
        label = number % len(_CLASSES)
        rows, columns = np.mgrid[0:pixels, 0:pixels] / pixels
        smooth = chance.uniform(20, 100, 3) * rows[..., None] + 60 * columns[..., None]
        picture = smooth + chance.integers(0, 40, (pixels, pixels, 3))
        picture[..., label] += 50
        place = folder / _CLASSES[label] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
        place.write_bytes(file.getvalue())


def retrained(folder):
    """What the steps of one retraining took and made: {step: (seconds, summary)}."""
    code = "import sys; from benchmarks.spans import retrain; retrain(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, folder], cwd=_PROJECT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def retrain(folder):
    """In a process of its own: runs the pipeline up to the Trainer, prints a line of JSON."""
    from tfx.orchestration import metadata

    from pipeline.create_pipeline import create_pipeline
    from pipeline.local_runner import LocalRunner
    from settings.reading import load

    file = Path(folder) / "spans.yaml"
    file.write_text(yaml.safe_dump(configuration(Path(folder))))
    connection = metadata.sqlite_metadata_connection_config(f"{folder}/root/metadata.sqlite")
    pipeline = create_pipeline(load(file), metadata_connection_config=connection)
    seen, run_id = Seen(), str(len(list(Path(folder).glob("incoming/*"))))
    with contextlib.suppress(Reached):
        LocalRunner(seen, run_id).run(pipeline)
    print(json.dumps(seen.outcomes))


class Reached(Exception):
    """The step was reached that is not measured."""


class Seen:
    """An observer of a run that notes what each step took and made, and ends it at the Trainer."""

    def __init__(self):
        self.outcomes = {}

    def started(self, component):
        if component == "Trainer":
            raise Reached

    def finished(self, outcome):
        self.outcomes[outcome.component] = (outcome.seconds, outcome.made or "")


def configuration(folder):
    return {
        "name": "spans",
        "root": f"{folder}/root",
        "data": {"source": "folder", "path": f"{folder}/incoming/{{SPAN}}", "window": "all"},
        "preprocessing": {"height": 64, "width": 64},
        "model": {"name": "small_cnn"},
        "push": {"destination": f"{folder}/pushed"},
    }


def print_run(span, run):
    times = "  ".join(f"{step} {run[step][0]:5.1f} s" for step in STEPS)
    news = [new_spans(run[step][1]) for step in STEPS]
    print(f"span {span:>3}  {times}  together {seconds_of(run):5.1f} s  new: {', '.join(news)}")


def seconds_of(run):
    return sum(run[step][0] for step in STEPS)


def new_spans(summary):
    """Which spans a step made again, by its summary in the table."""
    found = re.search(r"\(new: ([^)]*)\)", summary)
    return found[1] if found else "?"


def judged(runs):
    """Prints the verdict; the exit code."""
    second, last = seconds_of(runs[1]), seconds_of(runs[-1])
    share = last / second
    print(f"retraining {len(runs)} took {share:.2f} times as long as the second; the bar is {BAR}")
    only_new = all(new_spans(runs[-1][step][1]) == f"span {len(runs)}" for step in STEPS)
    if not only_new:
        print("the last retraining repeated spans that earlier ones had made")
    return 0 if share <= BAR and only_new else 1


if __name__ == "__main__":
    sys.exit(main())
