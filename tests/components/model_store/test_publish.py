"""A version appears whole or not at all, whoever dies and however many push."""

import fcntl
import os
import random
import resource
import shutil
import signal
import time
from pathlib import Path

import pytest

from components.model_store.locking import unfinished_folder
from components.model_store.model_files import model_fingerprint
from components.model_store.publish import add, publish
from components.model_store.versions import PushRecord, list_versions, newest
from failures import Failure
from tests.components.model_store.tiny_model import answer_of, save_tiny_model

RECORD = PushRecord("f", "uri", "now")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("model") / "m", 7)


def in_child(action):
    """Runs `action` in a process of its own and gives back its id; its result is the exit code.

    Forked, because a fresh process would import for seconds before it does anything.
    """
    child = os.fork()
    if child == 0:
        try:
            os._exit(action())
        except BaseException:
            os._exit(99)
    return child


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def push_many(model, destination, first, count):
    for number in range(count):
        publish(model, str(destination), PushRecord(f"{first}-{number}", model, "now"))
    return 0


def entries(destination):
    return sorted(path.name for path in destination.iterdir() if path.name != ".steadyfeed.lock")


def test_a_pushed_model_is_the_model(model, tmp_path):
    version = publish(model, str(tmp_path), RECORD)
    assert version.path == str(tmp_path / "1")
    assert answer_of(version.path) == 7
    assert entries(tmp_path) == ["1"]


@pytest.mark.slow
def test_a_reader_never_meets_half_a_version_while_pushers_are_killed(model, tmp_path):
    whole = model_fingerprint(model)
    chance = random.Random(0)
    for kill in range(12):
        pusher = in_child(lambda kill=kill: push_many(model, tmp_path, kill, 100_000))
        end = time.monotonic() + chance.uniform(0.02, 0.25)
        while time.monotonic() < end:
            for version in list_versions(str(tmp_path))[-2:]:
                assert model_fingerprint(version.path) == whole
                assert version.record is not None
        os.kill(pusher, signal.SIGKILL)
        assert exit_code(pusher) == -signal.SIGKILL
    assert answer_of(newest(str(tmp_path)).path) == 7
    assert all(model_fingerprint(v.path) == whole for v in list_versions(str(tmp_path)))
    version = publish(model, str(tmp_path), RECORD)
    assert [v.number for v in list_versions(str(tmp_path))] == list(range(1, version.number + 1))
    assert len(entries(tmp_path)) == version.number  # nothing that the dead left


def test_what_a_killed_pusher_left_is_removed_by_the_next(model, tmp_path):
    def fill_and_die():
        with unfinished_folder(tmp_path) as folder:
            (folder / "saved_model.pb").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert exit_code(in_child(fill_and_die)) == -signal.SIGKILL
    assert len(entries(tmp_path)) == 2
    assert list_versions(str(tmp_path)) == []
    publish(model, str(tmp_path), RECORD)
    assert entries(tmp_path) == ["1"]


def test_pushers_at_once_lose_and_overwrite_nothing(model, tmp_path):
    started = [in_child(lambda f=f: push_many(model, tmp_path, f, 15)) for f in "ab"]
    assert [exit_code(child) for child in started] == [0, 0]
    versions = list_versions(str(tmp_path))
    assert [version.number for version in versions] == list(range(1, 31))
    pushed = {version.record.fingerprint for version in versions}
    assert pushed == {f"{first}-{number}" for first in "ab" for number in range(15)}


def test_one_model_that_two_processes_push_is_one_version(model, tmp_path):
    started = [in_child(lambda: push_many(model, tmp_path, "same", 5)) for _ in range(2)]
    assert [exit_code(child) for child in started] == [0, 0]
    assert [version.number for version in list_versions(str(tmp_path))] == [1, 2, 3, 4, 5]


def test_what_a_living_pusher_fills_is_left_alone(model, tmp_path):
    with unfinished_folder(tmp_path) as folder:
        publish(model, str(tmp_path), RECORD)
        assert folder.is_dir()
    assert entries(tmp_path) == ["1"]


@pytest.mark.parametrize("removed", ["", "variables"])
def test_no_half_is_published_where_another_host_sees_no_locks_of_this_one(
    model, tmp_path, removed
):
    def remove_as_dead():
        for lock in tmp_path.glob(".pushing-*.lock"):
            shutil.rmtree(lock.with_suffix("") / removed)
            lock.unlink()
        return RECORD

    with pytest.raises(Failure, match="its host sees no file locks of this host") as failure:
        add(model, str(tmp_path), remove_as_dead)
    assert "\n" not in str(failure.value)
    assert entries(tmp_path) == []
    assert publish(model, str(tmp_path), RECORD).number == 1


def test_a_pusher_that_ends_at_this_moment_is_not_a_failure(model, tmp_path, monkeypatch):
    lock = tmp_path / ".pushing-other.lock"
    lock.touch()
    flock = fcntl.flock

    def flock_after_the_owner(handle, how):
        if how & fcntl.LOCK_NB:
            lock.unlink()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock_after_the_owner)
    assert publish(model, str(tmp_path), RECORD).number == 1


def test_a_disk_that_cannot_take_the_model_is_a_failure_and_leaves_nothing(tmp_path):
    source = tmp_path / "model"
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"x" * 100_000)
    destination = tmp_path / "pushed"

    def push_with_little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        return exit_code_of_failure(lambda: publish(str(source), str(destination), RECORD))

    assert exit_code(in_child(push_with_little_room)) == 0
    assert entries(destination) == []


def exit_code_of_failure(action, words="cannot be written"):
    try:
        action()
    except Failure as failure:
        return 0 if words in str(failure) and "\n" not in str(failure) else 2
    return 3


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_destination_that_is_a_file_is_a_failure(model, tmp_path, below):
    (tmp_path / "pushed").write_text("a file")
    destination = str(Path(tmp_path / "pushed", below))
    with pytest.raises(Failure, match=r"push destination .*pushed.* cannot be written"):
        publish(model, destination, RECORD)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to become")
def test_a_destination_of_another_user_is_a_failure_that_names_this_one(model, tmp_path):
    destination = tmp_path / "pushed"
    destination.mkdir(mode=0o555)
    for folder in [tmp_path, *tmp_path.parents][:-1]:
        folder.chmod(folder.stat().st_mode | 0o055)

    def push_as_nobody():
        os.setuid(65534)
        words = "cannot be written: Permission denied to user 65534"
        return exit_code_of_failure(lambda: publish(model, str(destination), RECORD), words)

    assert exit_code(in_child(push_as_nobody)) == 0
    assert entries(destination) == []
