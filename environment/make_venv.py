"""Makes .venv from the lock; does nothing when it is already the lock's.

    python3.11 environment/make_venv.py [--with gpu|bench]

Everything goes into `.venv`, and `.venv/.complete` is written last: an
environment without it is a half-made one and is recreated.  A failure removes
what it began.  Standard library only.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import private_libc

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
COMPLETE = VENV / ".complete"
WANTED_PYTHON = (3, 11)
LOCK = ROOT / "requirements.txt"
# What each adds to the lock: CUDA's libraries; the benchmark's peers.
EXTRAS = {name: ROOT / f"requirements-{name}.txt" for name in ("gpu", "bench")}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--with", dest="extra", choices=EXTRAS, help="what to add")
    extra = parser.parse_args(argv).extra
    locks = [LOCK] + ([EXTRAS[extra]] if extra else [])
    if sys.version_info[:2] != WANTED_PYTHON:
        return _say(
            f"Python {WANTED_PYTHON[0]}.{WANTED_PYTHON[1]} is needed, and {sys.executable} is "
            f"{sys.version.split()[0]}: TFX 1.21 with Kubeflow runs on 3.11 alone. "
            "Ways out: install python3.11, or name one: make PYTHON=/path/to/python3.11."
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with open(ROOT / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # A second make waits, then finds it done.
        wanted = _fingerprint(locks)
        if COMPLETE.exists() and wanted in COMPLETE.read_text().split():
            return 0
        try:
            _make(locks)
        except private_libc.Unavailable as error:
            _remove()
            return _say(str(error))
        except (OSError, subprocess.CalledProcessError) as error:
            _remove()
            return _say(f"The environment could not be made, and .venv was removed again: {error}")
        except KeyboardInterrupt:
            _remove()
            return _say("Interrupted; .venv was removed again.", 130)
        _write_complete(locks)
    return 0


def _fingerprint(locks):
    """What an environment is made of: the locks, the recipe and the interpreter."""
    digest = hashlib.sha256(sys.version.encode())
    for file in [*locks, Path(__file__), Path(private_libc.__file__)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _make(locks):
    _remove()
    print("steadyfeed: making .venv from the lock (3 GB, a minute or two) …", flush=True)
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    made = subprocess.run([interpreter, "-m", "venv", VENV], capture_output=True, text=True)
    if made.returncode:
        raise OSError(f"python -m venv failed: {_last_line(made)} (Debian: python3.11-venv)")
    if private_libc.is_needed():
        libraries = private_libc.unpack(VENV / "private-libc")
        private_libc.write_launcher(VENV, interpreter, libraries)
    python = VENV / "bin" / "python"
    uv = ROOT / "environment" / "uv.txt"
    _install([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", uv])
    # uv installs the lock in a tenth of pip's time.
    # Bytecode now: an environment that may not write it would compile 20 s on every start.
    command = [VENV / "bin" / "uv", "pip", "install", "-q", "--require-hashes"]
    command += ["--compile-bytecode"]
    for lock in locks:
        command += ["-r", lock]
    _install([*command, "--python", python])


def _install(command):
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "VIRTUAL_ENV": str(VENV)}
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise OSError(
            "the packages could not be installed; the lines above say which. "
            "Check that the package index can be reached and that 5 GB of disk are free"
        )


def _last_line(done):
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def _write_complete(locks):
    # An environment with something added serves the plain commands too.
    served = {_fingerprint(locks), _fingerprint([LOCK])}
    temporary = COMPLETE.with_suffix(".new")
    with open(temporary, "w") as file:
        file.write("\n".join(served) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(COMPLETE)


def _remove():
    shutil.rmtree(VENV, ignore_errors=True)


def _say(message, exit_code=2):
    print(f"steadyfeed: {message}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
