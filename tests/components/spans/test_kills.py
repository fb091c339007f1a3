"""kill -9 while spans are read and kept; the next run finds nothing that only looks finished."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
KILLS = 4
# Reads the window over and over, each time with nothing kept of its newest span.
READING = """
import sys
from pathlib import Path
from components.spans import store
from tests.components.spans.conftest import Feed

feed = Feed(Path(sys.argv[1]))
pattern = str(feed.folder / "incoming" / "{SPAN}")
print("ready", flush=True)
while True:
    feed.run(steps=1)
    store.drop(feed.store().folder, pattern, 2)
"""


@pytest.mark.slow
def test_whatever_a_killed_run_leaves_the_next_one_makes_the_same_examples(feed):
    feed.arrive("1")
    feed.arrive("2")
    expected = feed.run(steps=1, store=feed.store(folder="another")).bytes_of("examples")
    chance = random.Random(0)
    for _ in range(KILLS):
        reading = subprocess.Popen(
            [sys.executable, "-c", READING, feed.folder],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        assert reading.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.4))
        reading.send_signal(signal.SIGKILL)
        reading.wait()
        assert feed.run(steps=1).bytes_of("examples") == expected
    assert not list((feed.folder / "root" / "spans").rglob("*.unfinished"))
