"""`run` as a schedule starts it: what may be away for a moment is tried again, a mistake is not."""

import pytest

from cli.command_line import main

DIGITS = "configs/digits.yaml"


@pytest.fixture
def by_schedule(monkeypatch):
    def run(*words):
        monkeypatch.setenv("STEADYFEED_SCHEDULED_TIME", "2026-03-01T12:00:00+00:00")
        code = main(["run", *words])
        monkeypatch.delenv("STEADYFEED_SCHEDULED_TIME")
        return code

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("--config", "configs/away.yaml"),
        ("--config", DIGITS, "--set", "data.schema=away.pbtxt"),
        ("--config", DIGITS, "--set", "model.weights=away.weights.h5"),
        ("--config", DIGITS, "--set", "code=away.d"),
    ],
    ids=["configuration", "schema", "weights", "code"],
)
def test_a_missing_file_is_a_failure_of_a_scheduled_run_and_a_mistake_in_another(
    words, by_schedule, capsys
):
    assert by_schedule(*words) == 1
    said = capsys.readouterr().err
    assert main(["run", *words]) == 2
    assert said == f"steadyfeed: {capsys.readouterr().err}"
    assert "away." in said


def test_a_mistake_is_one_in_a_scheduled_run_as_well(by_schedule):
    for wrong in ("seed=x", "model.weights=README.md"):
        assert by_schedule("--config", DIGITS, "--set", wrong) == 2
