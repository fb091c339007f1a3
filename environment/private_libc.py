"""A newer C library below .venv, for wheels that need one, on Debian and Ubuntu.

The wheels of ml-metadata and tensorflow-data-validation want glibc 2.38 and
libstdc++ 3.4.32.  Where the system's are older, this module unpacks those of
the next release below `.venv/` and makes `.venv/bin/python` a launcher that
runs the same interpreter under them.  Nothing of the system is touched, no root
is needed, and apt checks the signatures with the keys that the system trusts.

Standard library only: this runs before anything is installed.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED_GLIBC = (2, 38)
NEEDED_LIBSTDCXX = b"GLIBCXX_3.4.32"
PACKAGES = ("libc6", "libstdc++6", "libgcc-s1")
# The nearest release of each distribution whose C library is new enough.
RELEASES = {"debian": "trixie", "ubuntu": "noble"}
WAYS_OUT = (
    "Ways out: use Ubuntu 24.04+, Debian 13+, Fedora 40+ or macOS on Apple silicon, "
    "or a container of one of them (python:3.11-slim-trixie)."
)


class Unavailable(Exception):
    """This machine cannot be given the C library; the message says why and what helps."""


def glibc_version():
    """(major, minor) of the running C library; None where it is not glibc (macOS, musl)."""
    name, version = platform.libc_ver()
    if name != "glibc":
        return None
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def is_needed():
    """Whether the wheels do not load here as it is; raises Unavailable on musl."""
    if sys.platform != "linux":
        return False
    version = glibc_version()
    if version is None:
        raise Unavailable(
            "The C library here is not glibc (Alpine's musl?), and TensorFlow has no wheels "
            "for it. " + WAYS_OUT
        )
    return version < NEEDED_GLIBC or not _system_libstdcxx_is_new_enough()


def _system_libstdcxx_is_new_enough():
    try:
        listing = subprocess.run(
            ["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return True  # No way to look: the C library's own version has passed.
    found = re.findall(r"libstdc\+\+\.so\.6 .*=> (\S+)", listing)
    # None at all: TensorFlow needs one as well, and its own error says so best.
    return not found or any(NEEDED_LIBSTDCXX in Path(p).read_bytes() for p in found)


def unpack(folder):
    """Fetches and unpacks the packages below `folder`; returns the libraries' directory."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Unavailable(
                f"This system's C library (glibc {'.'.join(map(str, glibc_version()))}) is older "
                f"than the {'.'.join(map(str, NEEDED_GLIBC))} that ml-metadata and "
                f"tensorflow-data-validation need, and without {tool} a private copy cannot be "
                "made. " + WAYS_OUT
            )
    apt = _private_apt(folder)
    try:
        _run(apt + ["update"], folder)
        _run(apt + ["download", *PACKAGES], folder)
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(folder / "root")], folder)
    except subprocess.CalledProcessError as error:
        cause = (error.stderr or error.stdout or "").strip().splitlines()
        raise Unavailable(
            f"{error.cmd[0]} failed while fetching a newer C library: "
            f"{cause[-1] if cause else error}. Check that the package mirror can be reached. "
            + WAYS_OUT
        ) from error
    libraries = folder / "lib"
    libraries.mkdir()
    for file in (folder / "root").rglob("*.so*"):
        target = libraries / file.name
        if file.parent.name in (f"{platform.machine()}-linux-gnu", "lib64") and not target.exists():
            shutil.copy2(file, target)  # Follows links: the folder is flat and whole.
    for leftover in ("root", "apt"):
        shutil.rmtree(folder / leftover)
    for package in folder.glob("*.deb"):
        package.unlink()
    return libraries


def _private_apt(folder):
    """An apt-get command line whose whole state lies below `folder`."""
    apt = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    uri, keyring, distribution = _mirror()
    signed_by = f" [signed-by={keyring}]" if keyring else ""
    (apt / "sources.list").write_text(f"deb{signed_by} {uri} {RELEASES[distribution]} main\n")
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "Dir::State::status": apt / "status",
        # apt drops to the user _apt, who may not write below a private folder.
        "APT::Sandbox::User": os.environ.get("USER", "root"),
        "Acquire::Languages": "none",
    }
    return ["apt-get", "-qq"] + [f"-o{key}={value}" for key, value in options.items()]


def _mirror(sources=Path("/etc/apt"), release=Path("/etc/os-release")):
    """(address, keyring or None, distribution) as this machine's own apt sources give them."""
    fields = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
    distribution = fields.get("ID", "").strip('"')
    codename = fields.get("VERSION_CODENAME", "").strip('"')
    if distribution not in RELEASES:
        raise Unavailable(
            f"A private C library can be made on Debian and Ubuntu, and this is {distribution}. "
            + WAYS_OUT
        )
    for file in sorted(sources.glob("sources.list.d/*.sources")):
        for paragraph in file.read_text().split("\n\n"):
            entry = dict(re.findall(r"^([A-Za-z-]+):\s*(.+?)\s*$", paragraph, re.MULTILINE))
            if codename in entry.get("Suites", "").split():
                return entry["URIs"].split()[0], entry.get("Signed-By"), distribution
    for file in [sources / "sources.list", *sorted(sources.glob("sources.list.d/*.list"))]:
        if not file.exists():
            continue
        for options, uri, suite in re.findall(
            r"^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)", file.read_text(), re.MULTILINE
        ):
            if suite == codename:
                keyring = re.search(r"signed-by=(\S+)", options)
                return uri, keyring and keyring.group(1), distribution
    raise Unavailable(f"No apt source for {codename} was found below {sources}. " + WAYS_OUT)


def write_launcher(venv, interpreter, libraries):
    """Replaces `venv/bin/python` by a script that runs `interpreter` under `libraries`.

    `--argv0` keeps sys.executable and sys.prefix those of the environment, so
    subprocesses take the launcher as well, and nothing leaks to other programs
    through environment variables.  The interpreter's own lib directory stands
    before the system's: a second libpython there would break `_ssl`.
    """
    loader = next(libraries.glob("ld-linux-*.so.*"), None)
    if loader is None:
        raise Unavailable(f"The unpacked C library has no loader below {libraries}.")
    triplet = f"{platform.machine()}-linux-gnu"
    path = [libraries, Path(interpreter).parent.parent / "lib"]
    path += [Path("/usr/lib") / triplet, Path("/lib") / triplet]
    script = (
        "#!/bin/sh\n"
        "# Runs the interpreter under the C library beside it: environment/private_libc.py.\n"
        f'exec "{loader}" --library-path "{":".join(map(str, path))}" '
        f'--argv0 "{venv}/bin/python" "{interpreter}" "$@"\n'
    )
    launcher = venv / "bin" / "python"
    temporary = launcher.with_name("python.new")
    temporary.write_text(script)
    temporary.chmod(0o755)
    temporary.replace(launcher)
    for alias in ("python3", "python3.11"):
        (venv / "bin" / alias).unlink(missing_ok=True)
        (venv / "bin" / alias).symlink_to("python")


def _run(command, folder):
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
