"""What of the user's own variables, limits and flags would change a run: set aside or refused."""

import locale
import os
import re
import resource
import subprocess
import sys
import warnings

from failures import ConfigurationError

# Removed: protobuf's `cpp` is no longer there; XLA's flags are for `training.xla` to decide, and
# TensorFlow ends the process at one that it does not know.
_SET_ASIDE = ("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "PYTHONWARNINGS", "TF_XLA_FLAGS")

_MOST_FILES = 65_536

_COMPILING = "import tensorflow as tf; tf.function(lambda: tf.ones(1) + 1, jit_compile=True)()"
_XLAS_WORDS = re.compile(
    r"(?:command_line_flags|parse_flags_from_env)\.cc:\d+\] (.+?)\.?$", re.MULTILINE
)


def pin() -> None:
    """Sets variables aside; to be called before the libraries that read them are imported."""
    for name in _SET_ASIDE:
        os.environ.pop(name, None)
    _allow_many_files()
    if os.environ.get("COLUMNS") == "0":  # Rich would print nothing on a screen without columns.
        del os.environ["COLUMNS"]
    # TensorFlow describes its build on stderr at every start, before any log can catch it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Whatever starts TensorFlow first must not take the whole GPU, which others compute on too.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # The user's own Keras may compute with JAX or PyTorch; this project's models cannot.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if sys.warnoptions:  # A deprecation inside a library must not stop a run, as -W error would.
        sys.warnoptions.clear()
        warnings.simplefilter("default")


def _allow_many_files() -> None:
    """Each span in a bucket keeps its copy's lock open, and the usual limit is 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def check() -> None:
    """Refuses what cannot be set aside any more.

    Raises:
      ConfigurationError: Python runs without docstrings, or reads text in another encoding.
    """
    if sys.flags.optimize > 1:
        raise ConfigurationError(
            f"PYTHONOPTIMIZE (or python -O): given {sys.flags.optimize}, which removes the "
            "docstrings that Apache Beam needs; allowed: 0 or 1"
        )
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") != "utf8":
        raise ConfigurationError(
            f"the locale: Python reads text as {encoding}; allowed: UTF-8, as with PYTHONUTF8=1 or "
            "LC_ALL=C.UTF-8"
        )


def check_xla() -> None:
    """Refuses XLA_FLAGS with which TensorFlow would end the process, hours later and in silence.

    Only a process that compiles something knows; where the variable is not set, none is started.

    Raises:
      ConfigurationError: XLA does not take the flags.
    """
    given = os.environ.get("XLA_FLAGS")
    if not given:
        return
    # Without a GPU, which another process may be using up; with errors, which say the cause.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-c", _COMPILING]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        known = _XLAS_WORDS.search(said)
        cause = known[1] if known else (said.strip().splitlines() or ["XLA does not start"])[-1]
        raise ConfigurationError(
            f"XLA_FLAGS: given {given!r}; allowed: flags that XLA knows, or none ({cause[:200]})"
        )
