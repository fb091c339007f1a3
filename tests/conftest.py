"""For every test: an environment of its own, and what many tests read and none changes."""

import atexit
import contextlib
import dataclasses
import gc
import os
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

# A user's shell, a proxy or a pod can set these; a test that wants one sets it itself.
_FOREIGN = re.compile(
    r"(AWS|FSSPEC|GOOGLE|STORAGE|KFP|KF|KUBERNETES|KUBEFLOW|ML_PIPELINE|KERAS|TF|TFX|TFDS|XLA|BEAM|XDG)_.*"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE)|NO_COLOR|FORCE_COLOR|COLUMNS|LINES"
    r"|(ALL|FTP|HTTP|HTTPS|NO)_PROXY",
    re.IGNORECASE,
)
# The fixtures that start a server, or that ask for one that does by its name.
_SERVERS = {"s3_server", "gcs_server", "bucket", "broker"}


def _enter_own_environment():
    """Gives this process and its children a home and a temporary folder.

    It runs before TensorFlow and Keras are imported, which read the home once.
    """
    folder = Path(tempfile.mkdtemp(prefix="steadyfeed-tests-"))
    for name in filter(_FOREIGN.fullmatch, list(os.environ)):
        del os.environ[name]
    # pip looks below the home for its cache and its settings, which are no business of ours.
    os.environ.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    for name, below in {"HOME": "home", "KERAS_HOME": "home/.keras", "TMPDIR": "tmp"}.items():
        (folder / below).mkdir(exist_ok=True)
        os.environ[name] = str(folder / below)
    folder.chmod(0o755)  # Some tests take the rights of another user.
    (folder / "tmp").chmod(0o1777)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)  # where pytest puts every tmp_path
    tempfile.tempdir = None  # read TMPDIR anew
    # Nothing stays below the system's temporary folder: for a look at a test's files, give
    # pytest a --basetemp. Registered before multiprocessing is to remove its own folder there.
    atexit.register(_remove, folder)
    # A shell that starts the tests behind `&` ignores Ctrl-C for them and all their children.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _remove(folder):
    """Removes a folder in which a process that a test killed or left may still be writing."""
    until = time.monotonic() + 20
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


# Only a power failure would tell the difference, and tests wait long for a busy disk.
os.fsync = lambda descriptor: None
# A worker of pytest-xdist starts in the environment that the first process made.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _enter_own_environment()

from files import locks  # noqa: E402
from tests.bigquery_server import bigquery_server  # noqa: E402, F401
from tests.bucket_servers import bucket, gcs_server, s3_server  # noqa: E402, F401
from tests.processes import start_pipeline  # noqa: E402


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)
    # Files with slow tests go first, so that no worker waits for another one's last file.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    """Spares Python's garbage collector what TensorFlow's import made: a seventh of all time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A function (name, make) → a folder that `make(folder)` filled, once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder_of(name, make):
        folder, done = shared / f"shared-{name}", shared / f"shared-{name}.done"
        with locks.hold(shared / f"shared-{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A function (save, folder, *arguments): `save(folder, *arguments)`, the second time a copy."""
    made = {}

    def save_or_copy(save, folder, *arguments, **options):
        key = repr((save, arguments, sorted(options.items())))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("saved") / "model"
            save(made[key], *arguments, **options)
        shutil.copytree(made[key], folder)

    return save_or_copy


@dataclasses.dataclass(frozen=True)
class DigitsRun:
    """A root on which digits ran twice, the second time from the cache. Tests only read it.

    Attributes:
      root: a Path; pushed/ below it has version 1, data/ the prepared dataset.
      place: the words that name root, push destination and data to any verb.
      system: the folder that stood in for the system's temporary folder.
      first, second: what the runs printed.
    """

    root: Path
    place: tuple[str, ...]
    system: Path
    first: str
    second: str


@pytest.fixture(scope="session")
def digits_run(made_once):
    def place(root):
        places = (f"root={root}", f"push.destination={root}/pushed", f"data.data_dir={root}/data")
        return ("--config", "configs/digits.yaml", *(w for p in places for w in ("--set", p)))

    def run_twice(root):
        (root / "system").mkdir()
        environment = os.environ | {"TMPDIR": str(root / "system")}
        for log in ("first.log", "second.log"):
            run = start_pipeline("run", *place(root), log=root / log, environment=environment)
            code = run.wait()
            assert code == 0, (root / log).read_text()

    root = made_once("digits", run_twice)
    first, second = ((root / log).read_text() for log in ("first.log", "second.log"))
    return DigitsRun(root, place(root), root / "system", first, second)


@pytest.fixture
def run_here(monkeypatch):
    """Runs a step's command in this process: the same entrypoint, seconds sooner."""

    def run(command, environment, log):
        from kfp import entrypoint

        assert command[1:3] == ["-m", "kfp.entrypoint"]
        with monkeypatch.context() as patch, open(log, "w") as file:
            for name, value in environment.items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                return entrypoint.main(command[3:])

    return run
