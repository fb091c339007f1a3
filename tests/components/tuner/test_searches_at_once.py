"""Two runs that search the same over one volume."""

import errno
import logging
import shutil
import threading
from pathlib import Path

import pytest

from components.tuner import executor, search_state
from components.tuner.reading import read_trials
from tests.components.tuner.conftest import best

pytestmark = pytest.mark.slow


def summary(found) -> str:
    [artifact] = found["tuner_results"]
    return artifact.get_string_custom_property("summary")


@pytest.fixture
def waiting():
    """An event: somebody has reported that it waits."""
    event = threading.Event()

    def look(record):
        if record.getMessage().startswith("waiting for process"):
            event.set()
        return True

    progress = logging.getLogger("steadyfeed.progress")
    before = progress.level
    progress.setLevel(logging.INFO)
    progress.addFilter(look)
    yield event
    progress.removeFilter(look)
    progress.setLevel(before)


def test_a_run_that_searches_the_same_waits_and_recalls_every_trial(
    search_in, tmp_path, monkeypatch, waiting
):
    state, trained, later = tmp_path / "checkpoints", [], []
    second = threading.Thread(target=lambda: later.append(search_in(checkpoint_dir=state)))

    def train(attempt):
        trained.append(Path(attempt.log_folder).name)
        if len(trained) == 1:
            second.start()
            assert waiting.wait(20)
        return executor_trains(attempt)

    executor_trains = executor.objective_of
    monkeypatch.setattr(executor, "objective_of", train)
    first = search_in(checkpoint_dir=state)
    second.join()
    assert trained == ["0", "1"]
    assert best(later[0]) == best(first)
    assert summary(first).endswith("the best of 2 trials")
    assert summary(later[0]).endswith("the best of 2 trials; 2 of earlier searches")
    for found in (first, *later):
        assert len(read_trials(Path(found["tuner_results"][0].uri))) == 2
    assert not list(state.iterdir())


def test_a_volume_without_locks_stops_no_search(search_in, tmp_path, monkeypatch, caplog):
    def refuse(lock, **_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(search_state, "hold", refuse)
    assert summary(search_in(trials=1, checkpoint_dir=tmp_path / "checkpoints"))
    assert "cannot be locked" in caplog.text


def test_state_that_cannot_be_removed_yet_fails_no_search(search_in, tmp_path, monkeypatch):
    removed = shutil.rmtree

    def busy(path, ignore_errors=False, **keys):
        if not Path(path).name.startswith("tuner-"):
            removed(path, ignore_errors, **keys)
        elif not ignore_errors:
            raise OSError(errno.ENOTEMPTY, "Directory not empty", path)

    monkeypatch.setattr(shutil, "rmtree", busy)
    assert summary(search_in(trials=1, checkpoint_dir=tmp_path / "checkpoints"))
