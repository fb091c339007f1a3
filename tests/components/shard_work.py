"""Work on shards, in a module that another process imports in no time."""

import os
import signal
import time
from pathlib import Path

from components.usable_cores import usable_cores
from components.visible_gpus import visible_gpus
from failures import Failure

LONG = 20  # seconds


def double(number):
    return 2 * number


def cores_of(_):
    return usable_cores()


def gpus_of(_):
    return visible_gpus(os.environ)


def refuse_odd(number):
    if number % 2:
        raise Failure(f"{number} is odd. Take another one.")
    return number


def break_down(number):
    raise ValueError(f"a defect at {number}")


class Awkward(Exception):
    """Can be pickled, and not read again."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


def break_down_awkwardly(number):
    raise Awkward("no", number)


def sleep_long(number):
    time.sleep(4)
    return number


def be_killed_once(shard):
    """Of (folder, number) the double, but the first process that gets number 3 is killed."""
    folder, number = shard
    killed = Path(folder, "killed")
    if number == 3 and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def block_the_report(folder):
    """Leaves a file where the folder of the reports would be."""
    Path(folder).write_text("")


def refuse_odd_and_sleep_else(number):
    refuse_odd(number)
    time.sleep(LONG)


def end_by(number):
    os.kill(os.getpid(), number)


def own_number(_):
    return os.getpid()
