"""A lock keeps others out, names its holder, and ends with it."""

import contextlib
import os
import subprocess
import sys
import threading
import time

import pytest

from files.locks import InUse, hold, holder, share

HOLD = """
import sys, time
from files.locks import hold
with hold(sys.argv[1], shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / ".lock"


@pytest.fixture
def other(lock):
    """Starts another process that holds the lock."""
    with contextlib.ExitStack() as stack:

        def start(kind="alone"):
            command = [sys.executable, "-c", HOLD, lock, kind]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            assert process.stdout.readline() == b"held\n"
            return process

        yield start


def test_whoever_does_not_wait_learns_who_holds_the_lock(lock, other):
    process = other()
    with pytest.raises(InUse) as refused:
        hold(lock, wait=False)
    assert f"process {process.pid} on {os.uname().nodename} since 20" in refused.value.holder
    assert refused.value.holder in str(refused.value)
    assert "\n" not in str(refused.value)
    assert holder(lock) == refused.value.holder


def test_the_lock_ends_with_a_killed_holder(lock, other):
    process = other()
    process.kill()
    process.wait()
    assert holder(lock) is None
    with hold(lock, wait=False):
        assert holder(lock).startswith(f"process {os.getpid()} ")


def test_the_lock_ends_with_its_block(lock):
    assert holder(lock) is None
    for _ in range(2):
        with hold(lock, wait=False), pytest.raises(InUse):
            hold(lock, wait=False)
    assert holder(lock) is None


def test_shared_holders_meet_and_keep_an_exclusive_one_out(lock, other):
    other("shared")
    with hold(lock, shared=True, wait=False), pytest.raises(InUse, match="another process"):
        hold(lock, wait=False)


def test_a_lock_that_becomes_shared_lets_others_in_and_keeps_an_exclusive_one_out(lock):
    with hold(lock) as held:
        share(held)
        with hold(lock, shared=True, wait=False), pytest.raises(InUse):
            hold(lock, wait=False)


@pytest.mark.parametrize("shared", [False, True])
def test_who_waited_for_a_lock_that_was_removed_holds_the_one_in_its_place(lock, shared):
    got = []
    waiting = threading.Thread(target=lambda: got.append(hold(lock, shared=shared)))
    with hold(lock):
        waiting.start()
        time.sleep(0.1)
        lock.unlink()
    waiting.join()
    with got[0], pytest.raises(InUse):
        hold(lock, wait=False)


def test_waiting_ends_when_the_holder_does(lock, other):
    process = other()
    threading.Timer(0.3, process.kill).start()
    with hold(lock):
        assert process.wait() != 0


def test_a_process_that_got_the_descriptor_holds_the_lock_too(lock):
    with hold(lock) as held:
        heir = subprocess.Popen(["sleep", "60"], pass_fds=[held.fileno()])
    assert holder(lock)
    heir.kill()
    heir.wait()
    assert holder(lock) is None


def test_a_look_at_the_holder_does_not_refuse_the_next_one(lock):
    looking = threading.Event()

    def look():
        while not looking.is_set():
            holder(lock)

    with hold(lock):
        watcher = threading.Thread(target=look)
        watcher.start()
    try:
        for _ in range(50):
            hold(lock, wait=False).close()
    finally:
        looking.set()
        watcher.join()
