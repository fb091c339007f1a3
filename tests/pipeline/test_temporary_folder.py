"""A run leaves nothing in the system's temporary folder, however it ends."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from cli.command_line import main
from pipeline.temporary_folder import temporary_folder


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A folder that stands in for the system's temporary folder."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_temporary_files_of_this_process_and_its_children_go_with_the_block(system, tmp_path):
    with temporary_folder(tmp_path / "root" / ".tmp"):
        made = [tempfile.mkdtemp()]
        code = "import tempfile; print(tempfile.mkdtemp())"
        made.append(subprocess.check_output([sys.executable, "-c", code], text=True).strip())
        assert all(os.path.dirname(folder) == f"{tmp_path}/root/.tmp" for folder in made)
    assert not (tmp_path / "root" / ".tmp").exists()
    assert list(system.iterdir()) == []
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(system)


def test_temporary_files_go_after_a_failure(system, tmp_path):
    with pytest.raises(FileNotFoundError), temporary_folder(tmp_path / ".tmp"):
        os.rename(tempfile.mkdtemp() + "/nothing", system)
    assert not (tmp_path / ".tmp").exists()
    assert tempfile.gettempdir() == str(system)


def test_the_next_run_clears_what_a_killed_one_left(tmp_path):
    code = (
        "import sys, tempfile, time\n"
        "from pipeline.temporary_folder import temporary_folder\n"
        "with temporary_folder(sys.argv[1]):\n"
        "    tempfile.mkdtemp()\n"
        "    print('made', flush=True)\n"
        "    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / ".tmp")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "made\n"
        process.send_signal(signal.SIGKILL)
    assert list((tmp_path / ".tmp").iterdir())
    with temporary_folder(tmp_path / ".tmp"):
        assert list((tmp_path / ".tmp").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("override", "code"), [("seed=1", 0), ("data.splits.test=tset", 1)])
def test_a_run_leaves_the_systems_temporary_folder_empty(system, tmp_path, override, code):
    root = tmp_path / "root"
    places = (f"root={root}", f"push.destination={root}/pushed", f"data.data_dir={root}/data")
    words = ["run", "--config", "configs/digits.yaml"]
    for place in (*places, "training.epochs=1", override):
        words += ["--set", place]
    assert main(words) == code
    assert list(system.iterdir()) == []
    assert not (root / ".tmp").exists()
