"""A run leaves nothing in the system's temporary folder, however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

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
        real = f"{os.path.realpath(tmp_path)}/root/.tmp"
        assert all(os.path.dirname(os.path.realpath(folder)) == real for folder in made)
    assert not (tmp_path / "root" / ".tmp").exists()
    assert list(system.iterdir()) == []
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(system)


def test_a_socket_fits_into_the_temporary_folder_of_a_deep_root(tmp_path):
    code = (
        "import os, sys, tempfile\n"
        "from multiprocessing.connection import Listener\n"
        "from pipeline.temporary_folder import temporary_folder\n"
        "with temporary_folder(sys.argv[1]):\n"
        "    folder = os.path.dirname(tempfile.gettempdir())\n"
        "    with Listener(family='AF_UNIX') as listener:\n"
        "        assert os.path.realpath(listener.address).startswith(sys.argv[1])\n"
        "assert not os.path.exists(folder)\n"
    )
    deep = os.path.realpath(tmp_path / ("d" * 100) / "root" / ".tmp")
    subprocess.run(
        [sys.executable, "-c", code, deep], check=True, env=os.environ | {"TMPDIR": "/tmp"}
    )


def test_temporary_files_go_after_a_failure(system, tmp_path):
    with pytest.raises(FileNotFoundError), temporary_folder(tmp_path / ".tmp"):
        os.rename(tempfile.mkdtemp() + "/nothing", system)
    assert not (tmp_path / ".tmp").exists()
    assert tempfile.gettempdir() == str(system)


@pytest.mark.parametrize("depth", [1, 100], ids=["plain", "deep"])
def test_the_next_run_clears_what_a_killed_one_left(system, tmp_path, depth):
    place = tmp_path / ("d" * depth) / ".tmp"
    code = (
        "import sys, tempfile, time\n"
        "from pipeline.temporary_folder import temporary_folder\n"
        "with temporary_folder(sys.argv[1]):\n"
        "    tempfile.mkdtemp()\n"
        "    print('made', flush=True)\n"
        "    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(place)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "made\n"
        process.send_signal(signal.SIGKILL)
    assert list(place.iterdir())
    with temporary_folder(place):
        assert list(place.iterdir()) == []
    assert list(system.iterdir()) == []
    assert list(place.parent.iterdir()) == []


@pytest.fixture
def folder_of_a_user():
    """A folder of a user who cannot do everything, as whom this process goes on."""
    # The tests' own temporary folder is closed to other users.
    folder, user = Path(tempfile.mkdtemp(dir="/tmp")), os.geteuid()
    if user == 0:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


def test_what_cannot_be_removed_stays_and_is_no_obstacle(folder_of_a_user):
    kept = folder_of_a_user / ".tmp" / "kept"
    kept.mkdir(parents=True)
    (kept / "file").touch()
    kept.chmod(0o555)
    try:
        with temporary_folder(folder_of_a_user / ".tmp"):
            tempfile.mkdtemp()
        assert list((folder_of_a_user / ".tmp").iterdir()) == [kept]
    finally:
        kept.chmod(0o755)


@pytest.mark.slow
def test_a_run_leaves_the_systems_temporary_folder_empty(digits_run):
    assert list(digits_run.system.iterdir()) == []
    assert not (digits_run.root / ".tmp").exists()


@pytest.mark.slow
def test_a_failed_run_leaves_the_systems_temporary_folder_empty(system, tmp_path):
    root = tmp_path / "root"
    places = (f"root={root}", f"push.destination={root}/pushed", f"data.data_dir={root}/data")
    words = ["run", "--config", "configs/digits.yaml"]
    for place in (*places, "data.splits.test=tset"):
        words += ["--set", place]
    assert main(words) == 1
    assert list(system.iterdir()) == []
    assert not (root / ".tmp").exists()
