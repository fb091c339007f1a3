"""What a user's own variables and flags change: nothing, or one line before anything runs.

That they change nothing is seen of a whole run in tests/e2e/test_surroundings.py.
"""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from failures import ConfigurationError
from pipeline import surroundings
from tests.processes import start

CHECK = ("-m", "pipeline", "check", "--config", "configs/digits.yaml")


def python(*words, **variables):
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), **variables}
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PYTHONOPTIMIZE": "2"}, "PYTHONOPTIMIZE (or python -O): given 2, which removes the doc"),
        (
            {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
            "the locale: Python reads text as ANSI_X3.4-1968; allowed: UTF-8",
        ),
    ],
    ids=["docstrings", "locale"],
)
def test_what_cannot_be_set_aside_is_one_line(variables, line):
    done = python(*CHECK, **variables)
    assert done.returncode == 2
    [said] = done.stderr.splitlines()
    assert said.startswith(line)


FLAGS = ["--xla_cpu_multi_thread_eigen=7x", "--no_such_flag", "/no/such/file"]
CAUSES = [
    "Couldn't interpret value 7x for flag xla_cpu_multi",
    "Unknown flag in XLA_FLAGS: --no_such_flag",
    'Could not open file "/no/such/file"',
]


@pytest.mark.slow
def test_flags_with_which_xla_would_end_the_process_are_one_line(tmp_path):
    run = ("-m", "pipeline", "run", "--config", "configs/digits.yaml")
    words = ("--set", f"root={tmp_path}/a", "--results", f"{tmp_path}/out.json")
    # As of a user who wants no errors on screen.
    done = python(*run, *words, XLA_FLAGS=FLAGS[0], TF_CPP_MIN_LOG_LEVEL="3")
    assert done.returncode == 2
    [said] = done.stderr.splitlines()
    assert said.startswith(f"XLA_FLAGS: given '{FLAGS[0]}'; allowed: flags that XLA knows, or none")
    assert CAUSES[0] in said
    assert not list(tmp_path.iterdir())


@pytest.fixture
def tensorflow_imported(monkeypatch, tmp_path):
    """The process that compiles something need not import TensorFlow first."""

    def run(command, *, env, **_):
        assert command[:2] == [sys.executable, "-c"]
        process = start(exec, command[2], {}, log=tmp_path / "log", environment=env)
        return SimpleNamespace(returncode=process.wait(60), stderr=(tmp_path / "log").read_bytes())

    monkeypatch.setattr(surroundings, "subprocess", SimpleNamespace(run=run))


@pytest.mark.slow
@pytest.mark.usefixtures("tensorflow_imported")
@pytest.mark.parametrize(("flags", "cause"), zip(FLAGS[1:], CAUSES[1:], strict=True))
def test_other_flags_are_told_with_their_cause(monkeypatch, flags, cause):
    monkeypatch.setenv("XLA_FLAGS", flags)
    with pytest.raises(ConfigurationError, match=f"^XLA_FLAGS: given '{flags}'.*{cause}"):
        surroundings.check_xla()


@pytest.mark.slow
@pytest.mark.usefixtures("tensorflow_imported")
def test_flags_that_xla_knows_are_left_as_they_are(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=1")
    surroundings.check_xla()


@pytest.mark.parametrize(("given", "used"), [(None, "true"), ("false", "false")])
def test_no_program_takes_a_whole_gpu_unless_its_user_says_so(monkeypatch, given, used):
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv(name, given)
    code = (
        "import os; from pipeline import surroundings; surroundings.pin();"
        f"print(os.environ['{name}'])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == f"{used}\n"


def test_a_low_limit_of_open_files_is_raised_as_far_as_it_may_be():
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (256, 2000));"
        "from pipeline import surroundings; surroundings.pin();"
        "print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "2000 2000\n"
