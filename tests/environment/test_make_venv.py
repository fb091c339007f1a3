"""The environment is made whole or not at all, and says what stands in the way."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path):
    """A folder with the recipe and an empty lock: a clone before its first `make`."""
    shutil.copytree(REPOSITORY / "environment", tmp_path / "environment")
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


@pytest.fixture
def make_venv(clone, monkeypatch):
    monkeypatch.syspath_prepend(str(clone / "environment"))
    for name in ("make_venv", "private_libc"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import make_venv

    yield make_venv
    for name in ("make_venv", "private_libc"):
        sys.modules.pop(name, None)


def test_another_python_is_refused_with_the_way_out(make_venv, clone, monkeypatch, capsys):
    monkeypatch.setattr(make_venv, "WANTED_PYTHON", (3, 99))
    assert make_venv.main([]) == 2
    message = capsys.readouterr().err
    assert "Python 3.99 is needed" in message
    assert "make PYTHON=" in message
    assert not (clone / ".venv").exists()


def test_a_complete_environment_is_left_alone(make_venv, clone):
    marker = clone / ".venv" / "untouched"
    marker.parent.mkdir()
    marker.touch()
    make_venv._write_complete([make_venv.LOCK])
    assert make_venv.main([]) == 0
    assert marker.exists()


def test_a_half_made_environment_is_not_taken_for_a_whole_one(make_venv, clone, monkeypatch):
    (clone / ".venv" / "bin").mkdir(parents=True)
    made = []
    monkeypatch.setattr(make_venv, "_make", made.append)
    monkeypatch.setattr(make_venv, "_write_complete", lambda *_: None)
    assert make_venv.main([]) == 0
    assert len(made) == 1


def test_a_changed_lock_makes_it_anew(make_venv, clone, monkeypatch):
    (clone / ".venv").mkdir()
    make_venv._write_complete([make_venv.LOCK])
    (clone / "requirements.txt").write_text("six==1.17.0\n")
    made = []
    monkeypatch.setattr(make_venv, "_make", made.append)
    assert make_venv.main([]) == 0
    assert len(made) == 1


@pytest.mark.slow
def test_a_failed_installation_leaves_nothing_behind(make_venv, clone, monkeypatch, capfd):
    run = subprocess.run

    def without_pip(command, **keys):
        """Runs a command; venv leaves out pip, for which it takes ten seconds."""
        more = ["--without-pip"] if command[1:3] == ["-m", "venv"] else []
        return run([*command, *more], **keys)

    monkeypatch.setattr(make_venv.subprocess, "run", without_pip)
    assert make_venv.main([]) == 2
    said = capfd.readouterr().err
    assert "No module named pip" in said
    assert "steadyfeed: The environment could not be made" in said
    assert not (clone / ".venv").exists()
