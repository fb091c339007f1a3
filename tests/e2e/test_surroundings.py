"""A whole run, and a prediction, in surroundings that are as bad as a user's can be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bad_surroundings(tmp_path):
    """Variables that Python, Keras, TensorFlow and Beam read, none of them as they should be."""
    (tmp_path / "keras.json").write_text('{"backend": "jax", "floatx": "float16"}')
    return {
        **os.environ,
        "HOME": "/no/such/home",
        "TMPDIR": "/no/such/folder",
        "COLUMNS": "0",
        "LC_ALL": "C",
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "cpp",
        "PYTHONHASHSEED": "1",
        "PYTHONOPTIMIZE": "1",
        # Optimised bytecode of all libraries takes 20 s; the second process reads the first one's.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode"),
        "PYTHONWARNINGS": "error",
        "HTTP_PROXY": "nonsense://a:b",
        "HTTPS_PROXY": "%%%",
        "KERAS_BACKEND": "jax",
        "KERAS_HOME": str(tmp_path),
        "TF_XLA_FLAGS": "--no_such_flag",
    }


@pytest.fixture
def other_surroundings(bad_surroundings, tmp_path):
    """Some of the variables, as bad in another way."""
    (tmp_path / "file").touch()
    others = {
        "HOME": "/dev/null",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "KERAS_BACKEND": "torch",
        "KERAS_HOME": str(tmp_path / "file"),
    }
    return bad_surroundings | others


def pipeline(environment, *words):
    command = [sys.executable, "-m", "pipeline", *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, umask=0o077, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_run_and_a_prediction_go_as_anywhere_and_only_their_user_can_read_them(
    tmp_path, prepared_digits, bad_surroundings, other_surroundings
):
    root, pushed = tmp_path / "root", tmp_path / "pushed"
    values = {
        "root": root, "push.destination": pushed, "data.data_dir": prepared_digits,
        "training.epochs": 1, "evaluation.thresholds.accuracy.min": 0.1, "serving.warm_up": True,
    }  # fmt: skip
    place = ["--config", "configs/digits.yaml"]
    for key, value in values.items():
        place += ["--set", f"{key}={value}"]
    done = pipeline(bad_surroundings, "run", *place)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert (pushed / "1" / "assets.extra" / "tf_serving_warmup_requests").exists()
    written = [*root.rglob("*"), *pushed.rglob("*")]
    assert not [path for path in written if not path.is_symlink() and path.stat().st_mode & 0o077]

    batch = ["--input", "tfds:digits", "--split", "test[:9]", "--data-dir", prepared_digits]
    done = pipeline(
        other_surroundings, "batch-predict", *batch, "--output", tmp_path / "out", "--model", pushed
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "9 predictions" in done.stderr
