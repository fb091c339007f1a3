"""A pipeline root has one holder; the lock names it and dies with it."""

import os
import signal
import subprocess
import sys

import pytest

from files.locks import InUse
from pipeline.root_lock import hold

HOLD = (
    "import sys, time\n"
    "from pipeline.root_lock import hold\n"
    "with hold(sys.argv[1]):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_and_says_who_holds_the_root(tmp_path, holder):
    with pytest.raises(InUse) as refused, hold(tmp_path):
        pass
    message = str(refused.value)
    assert "\n" not in message
    assert f"process {holder.pid} on " in message
    assert " since 20" in message
    assert "--set root=" in message


def test_the_lock_dies_with_a_killed_holder(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with hold(tmp_path):
        pass


def test_the_lock_is_free_after_the_block_and_the_root_is_made(tmp_path):
    for _ in range(2):
        with hold(tmp_path / "new" / "root"):
            assert (tmp_path / "new" / "root").is_dir()
