"""For every test: an environment of its own, and what many tests read and none changes."""

import atexit
import contextlib
import dataclasses
import fcntl
import gc
import importlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from files import locks

# A user's shell, a proxy or a pod can set these; a test that wants one sets it itself.
_FOREIGN = re.compile(
    r"(AWS|FSSPEC|GOOGLE|STORAGE|KFP|KF|KUBERNETES|KUBEFLOW|ML_PIPELINE|KERAS|TF|TFX|TFDS|XLA|BEAM|XDG)_.*"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE)|NO_COLOR|FORCE_COLOR|COLUMNS|LINES"
    r"|(ALL|FTP|HTTP|HTTPS|NO)_PROXY",
    re.IGNORECASE,
)
_OURS = {"TF_ENABLE_ONEDNN_OPTS"}  # set in the Makefile
_NAME = "steadyfeed-tests-"
_MEMORY, _ROOM = Path("/dev/shm"), 12 << 30
# The fixtures that start a server, or that ask for one that does by its name.
_SERVERS = {"s3_server", "gcs_server", "bucket", "broker"}


def _memory_has_room():
    """Whether the file system in memory takes all that tests write, and runs their programs."""
    try:
        about, known = os.statvfs(_MEMORY), Path("/proc/meminfo").read_text()
    except OSError:
        return False
    free = 1024 * int(re.search(r"^MemAvailable: +(\d+) kB$", known, re.MULTILINE)[1])
    room = min(free, about.f_bavail * about.f_frsize) >= _ROOM
    return room and not about.f_flag & os.ST_NOEXEC and os.access(_MEMORY, os.W_OK)


def _make_folder():
    """A folder for all that tests write: in memory if it can be, as they wait long for a disk."""
    for lock in _MEMORY.glob(f"{_NAME}*/lock"):  # of tests that were killed
        with contextlib.suppress(OSError, locks.InUse), locks.hold(lock, wait=False):
            shutil.rmtree(lock.parent)
    place = _MEMORY if _memory_has_room() else None
    folder = Path(tempfile.mkdtemp(prefix=_NAME, dir=place))
    atexit.register(locks.hold(folder / "lock").close)  # held as long as this process lives
    return folder


def _enter_own_environment():
    """Gives this process and its children a home and a temporary folder.

    It runs before TensorFlow and Keras are imported, which read the home once.
    """
    folder = _make_folder()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for name in filter(_FOREIGN.fullmatch, os.environ.keys() - _OURS):
        del os.environ[name]
    # What was fetched and unpacked once is no business of ours.
    for tool in ("pip", "uv"):
        os.environ.setdefault(f"{tool.upper()}_CACHE_DIR", str(caches / tool))
    for name, below in {"HOME": "home", "KERAS_HOME": "home/.keras", "TMPDIR": "tmp"}.items():
        (folder / below).mkdir(exist_ok=True)
        os.environ[name] = str(folder / below)
    folder.chmod(0o755)  # Some tests take the rights of another user.
    (folder / "tmp").chmod(0o1777)
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # Several processes share what GPU there is.
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)  # where pytest puts every tmp_path
    tempfile.tempdir = None  # read TMPDIR anew
    # Nothing stays behind: for a look at a test's files, give pytest a --basetemp. Registered
    # before multiprocessing is to remove its own folder there.
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

from tests import graphs  # noqa: E402
from tests.bigquery_server import bigquery_server  # noqa: E402, F401
from tests.bucket_servers import bucket, gcs_server, s3_server  # noqa: E402, F401
from tests.processes import start_pipeline  # noqa: E402


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)
    # Files with slow tests go first, so that no worker waits for another one's last file; those
    # that measure last, when no fixture is left to be made while all others stand still.
    slow, measured = (
        {item.path for item in items if item.get_closest_marker(mark)}
        for mark in ("slow", "measured")
    )
    items.sort(
        key=lambda item: (
            item.path in measured,
            item.path not in slow,
            not item.get_closest_marker("measured"),
        )
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test that measures time runs while no other worker runs any."""
    if not hasattr(item.config, "workerinput"):  # There is no other worker.
        return (yield)
    folder = Path(os.environ["PYTEST_DEBUG_TEMPROOT"])
    shared = not item.get_closest_marker("measured")
    # Who waits for the others' tests to end lets none of them begin another one.
    with locks.hold(folder / "next.lock", named=False):
        running = locks.hold(folder / "running.lock", shared=shared, named=False)
    with running:
        try:
            return (yield)
        finally:
            fcntl.flock(running, fcntl.LOCK_UN)  # A process forked in the test may hold the file.


def pytest_collection_finish():
    """Spares Python's garbage collector what TensorFlow's import made: a seventh of all time.

    It also looks less often through what the tests make, which took a fifteenth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20)
    if "tensorflow" in sys.modules:
        graphs.optimize_none()


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


@pytest.fixture(scope="session")
def prepared(made_once):
    """A function: the name of an embedded dataset → TFDS's folder with it, once for all workers."""

    def folder_of(name):
        def prepare(folder):
            import tensorflow_datasets as tfds

            importlib.import_module(f"datasets.{name}")  # which registers it
            offline = tfds.download.DownloadConfig(try_download_gcs=False)
            tfds.builder(name, data_dir=folder).download_and_prepare(download_config=offline)

        return made_once(f"prepared-{name}", prepare)

    return folder_of


@pytest.fixture(scope="session")
def prepared_digits(prepared):
    """TFDS's folder with digits. Tests that damage it take a copy."""
    return prepared("digits")


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
