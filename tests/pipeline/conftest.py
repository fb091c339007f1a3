import pytest

from pipeline.schedule_store import ScheduleStore


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The store of a schedule whose attempts are not spread over time."""
    monkeypatch.setattr("pipeline.local_schedule.random.uniform", lambda low, high: 1.0)
    return ScheduleStore(tmp_path / "state.sqlite")
