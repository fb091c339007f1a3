"""Rollback, pins and prune; and all of them at once, killed, with a server reading."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import tensorflow as tf

from components.model_store.model_files import model_fingerprint
from components.model_store.pins import pin, pinned, unpin
from components.model_store.pruning import prune
from components.model_store.publish import publish
from components.model_store.restoring import roll_back
from components.model_store.versions import PushRecord, list_versions, newest
from failures import Failure
from files import writing
from tests.components.model_store.tiny_model import answer_of, save_tiny_model
from tests.processes import start, wait_for


def read_on_and_on(destination, stop, found):
    """Loads the newest version again and again, as a server would, until the test stops it."""
    loads, failures = 0, []
    print("ready", flush=True)
    while not stop.exists():
        versions = [int(name) for name in os.listdir(destination) if name.isdigit()]
        if versions:
            try:
                model = tf.saved_model.load(str(destination / str(max(versions))))
                model.signatures["answer"]()
            except Exception as error:
                failures.append(repr(error))
            loads += 1
    found.write_text(json.dumps([loads, failures]))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [save_tiny_model(folder / str(value), value) for value in range(4)]


def push(destination, model, name=None):
    fingerprint = name or model_fingerprint(model)
    return publish(model, str(destination), PushRecord(fingerprint, model, "2026-11-21"))


def numbers(destination):
    return [version.number for version in list_versions(str(destination))]


@pytest.fixture
def three(models, tmp_path):
    for model in models[1:]:
        push(tmp_path, model)
    return str(tmp_path)


def test_a_rollback_serves_the_earlier_model_under_the_highest_number(three):
    version = roll_back(three, 1)
    assert version.number == 4 == newest(three).number
    assert answer_of(version.path) == 1
    assert (newest(three).record.restored_from, newest(three).record.replaced) == (1, 3)


def test_a_rollback_without_a_number_goes_back_and_then_undoes_itself(three):
    assert answer_of(roll_back(three).path) == 2
    assert answer_of(roll_back(three).path) == 3


def test_a_version_in_service_or_a_missing_one_cannot_be_rolled_back_to(three):
    with pytest.raises(Failure, match="in service already"):
        roll_back(three, 3)
    with pytest.raises(Failure, match=r"holds no version 9\. It holds: 1, 2, 3"):
        roll_back(three, 9)


def test_a_push_of_the_same_model_does_not_undo_a_rollback(three, models):
    roll_back(three, 1)
    push(three, models[3])
    assert answer_of(newest(three).path) == 1


def test_prune_keeps_the_newest_the_champion_and_what_is_pinned(three, models):
    pin(three, 1)
    push(three, models[0])
    assert [version.number for version in prune(three, 1, grace_seconds=0)] == [2]
    assert numbers(three) == [1, 3, 4]
    unpin(three, 1)
    assert pinned(three) == set()
    prune(three, 1, grace_seconds=0)
    assert numbers(three) == [3, 4]


def test_prune_keeps_what_an_undo_of_the_rollback_needs(three):
    push(three, newest(three).path, "another")
    roll_back(three, 2)
    pin(three, 1)
    prune(three, 1, grace_seconds=0)
    assert numbers(three) == [1, 4, 5]


def test_after_a_prune_a_push_of_the_same_model_undoes_none_of_several_rollbacks(three, models):
    roll_back(three, 2)
    roll_back(three, 1)
    assert [version.number for version in prune(three, 1, grace_seconds=0)] == [1, 2]
    push(three, models[3])
    assert answer_of(newest(three).path) == 1


def test_a_version_that_served_a_moment_ago_is_not_pruned(three):
    assert prune(three, 1) == []
    with pytest.raises(Failure, match="Keep 1 or more"):
        prune(three, 0)


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_time_of_grace_that_is_none_is_refused(three, seconds):
    with pytest.raises(Failure, match="grace"):
        prune(three, 1, seconds)


def test_a_version_that_is_pruned_while_it_is_copied_is_not_restored_by_half(three, monkeypatch):
    opened = writing.opened

    def opened_after_the_prune(path, *mode):
        version = Path(three, "1")
        if version.exists() and path.startswith(f"{version}/variables"):
            version.rename(Path(three, ".pruned-1"))
        return opened(path, *mode)

    monkeypatch.setattr(writing, "opened", opened_after_the_prune)
    with pytest.raises(Failure, match="Version 1 was removed"):
        roll_back(three, 1)
    assert newest(three).number == 3


def test_what_a_killed_prune_set_aside_is_removed_by_the_next(three):
    Path(three, "1").rename(Path(three, ".pruned-1-x"))
    prune(three, 2)
    assert not Path(three, ".pruned-1-x").exists()
    assert numbers(three) == [2, 3]


def in_child(action):
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def action_of(kind, destination, models, choice, turn):
    if kind == "push":
        return lambda: push(destination, choice.choice(models), f"model {turn}")
    if kind == "rollback":
        return lambda: roll_back(destination, choice.choice(numbers(destination)))
    return lambda: prune(destination, 3, grace_seconds=2)


def interleave(count, destination, models, seed):
    """Two processes at a time, each killed at a random moment or not; checks every step."""
    choice = random.Random(seed)
    killed = removed = 0
    push(destination, models[0], "first")
    pin(destination, 1)
    for turn in range(count):
        before = numbers(destination)
        kinds = [choice.choice(["push", "push", "rollback", "prune"]) for _ in range(2)]
        children = []
        for place, kind in enumerate(kinds):
            work = action_of(kind, destination, models, choice, f"{turn}-{place}")
            children.append(in_child(work))
        for child in children:
            if choice.random() < 0.5:
                time.sleep(choice.uniform(0, 0.02))
                os.kill(child, signal.SIGKILL)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        after = numbers(destination)
        gone = set(before) - set(after)
        killed += sum(code < 0 for code in codes)
        removed += len(gone)
        assert 1 in after, "a pinned version is lost"
        assert max(after) >= max(before), "the version in service is lost"
        assert not gone or "prune" in kinds, f"{gone} are lost"
        assert not gone & set(sorted({*before, *after})[-3:]), "prune took a recent one"
        done = sum(code == 0 and kind == "push" for code, kind in zip(codes, kinds, strict=True))
        assert len(set(after) - set(before)) >= done, "a push is lost"
    return killed, removed


@pytest.mark.slow
def test_no_load_fails_and_no_version_is_lost_whoever_is_killed(models, tmp_path):
    destination, stop, found = (tmp_path / name for name in ("pushed", "stop", "found"))
    destination.mkdir()
    log = tmp_path / "log"
    reader = start(read_on_and_on, destination, stop, found, log=log)
    try:
        wait_for(lambda: log.exists() and "ready\n" in log.read_text(), 60, [reader])
        killed, removed = interleave(60, str(destination), models, seed=60)
    finally:
        stop.touch()
        code = reader.wait(60)
    assert code == 0, log.read_text()
    loads, failures = json.loads(found.read_text())
    print(f"60 interleavings, {killed} kills, {removed} pruned; {loads} loads")
    assert killed
    assert removed
    assert loads
    assert not failures
