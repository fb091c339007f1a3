"""kill -9 while spans are read and kept; the next run finds nothing that only looks finished."""

import random
import time

import pytest

from components.spans import store
from tests.components.spans.conftest import Feed
from tests.processes import start

KILLS = 4


def read_on_and_on(folder):
    """Reads the window over and over, each time with nothing kept of its newest span."""
    feed = Feed(folder)
    pattern = str(feed.folder / "incoming" / "{SPAN}")
    print("ready", flush=True)
    while True:
        feed.run(steps=1)
        store.drop(feed.store().folder, pattern, 2)


@pytest.mark.slow
def test_whatever_a_killed_run_leaves_the_next_one_makes_the_same_examples(feed):
    feed.arrive("1")
    feed.arrive("2")
    expected = feed.run(steps=1, store=feed.store(folder="another")).bytes_of("examples")
    chance = random.Random(0)
    for number in range(KILLS):
        log = feed.folder / f"{number}.log"
        reading = start(read_on_and_on, feed.folder, log=log)
        while not (log.exists() and "ready\n" in log.read_text()):
            assert reading.poll() is None
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.4))
        reading.kill()
        assert reading.wait() < 0, log.read_text()
        assert feed.run(steps=1).bytes_of("examples") == expected
    assert not list((feed.folder / "root" / "spans").rglob("*.unfinished"))
