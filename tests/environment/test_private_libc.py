"""Where the newer C library comes from, and what is said where it cannot come."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def private_libc():
    file = REPOSITORY / "environment" / "private_libc.py"
    spec = importlib.util.spec_from_file_location("private_libc_under_test", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def debian(tmp_path):
    (tmp_path / "os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    return tmp_path


def test_the_mirror_is_read_from_deb822_sources(private_libc, debian):
    (debian / "apt/sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://mirror.example/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /keys/a.gpg\n\n"
        "Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security\n"
    )
    found = private_libc._mirror(debian / "apt", debian / "os-release")
    assert found == ("http://mirror.example/debian", "/keys/a.gpg", "debian")


def test_the_mirror_is_read_from_one_line_sources(private_libc, debian):
    (debian / "apt/sources.list").write_text(
        "# deb http://wrong.example/ bookworm main\n"
        "deb http://mirror.example/security bookworm-security main\n"
        "deb [arch=amd64 signed-by=/keys/b.gpg] http://mirror.example/debian bookworm main\n"
    )
    found = private_libc._mirror(debian / "apt", debian / "os-release")
    assert found == ("http://mirror.example/debian", "/keys/b.gpg", "debian")


def test_another_distribution_is_told_its_ways_out(private_libc, tmp_path):
    (tmp_path / "os-release").write_text("ID=rhel\nVERSION_CODENAME=\n")
    with pytest.raises(private_libc.Unavailable, match=r"this is rhel.*Ubuntu 24\.04"):
        private_libc._mirror(tmp_path, tmp_path / "os-release")


def test_without_apt_the_missing_tool_is_named_and_nothing_is_made(
    private_libc, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(private_libc.Unavailable, match="without apt-get a private copy"):
        private_libc.unpack(tmp_path / "private-libc")
    assert not (tmp_path / "private-libc").exists()


def test_musl_is_refused(private_libc, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(private_libc.platform, "libc_ver", lambda: ("", ""))
    with pytest.raises(private_libc.Unavailable, match="musl"):
        private_libc.is_needed()


def test_a_new_system_gets_nothing_of_the_kind(private_libc, monkeypatch):
    monkeypatch.setattr(private_libc.platform, "libc_ver", lambda: ("glibc", "2.41"))
    monkeypatch.setattr(private_libc, "_system_libstdcxx_is_new_enough", lambda: True)
    assert not private_libc.is_needed()


def test_subprocesses_of_the_environment_run_under_the_same_c_library():
    command = "import os; print(os.confstr('CS_GNU_LIBC_VERSION'))"
    own = os.confstr("CS_GNU_LIBC_VERSION")
    child = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert child.stdout.strip() == own
    assert tuple(map(int, own.split()[1].split("."))) >= (2, 38)


def test_nothing_leaks_to_other_programs():
    command = (
        "import os, subprocess; print(os.environ.get('LD_LIBRARY_PATH'), flush=True); "
        "subprocess.run(['/bin/sh', '-c', 'echo it runs'], check=True)"
    )
    # OpenCV, which Keras imports, sets the variable in this process.
    clean = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, env=clean
    )
    assert (done.stdout, done.stderr) == ("None\nit runs\n", "")
