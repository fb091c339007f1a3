"""What is kept of spans is read back, and runs nothing."""

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from components.spans.store import keep, load
from components.transform.corrupt_images import CorruptImage
from components.transform.shards import ShardResult


class Touches:
    """A pickle that calls a function when it is read."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def test_what_is_kept_is_read_back(tmp_path):
    keep(str(tmp_path / "kept"), [Counter(a=2), np.arange(3)])
    counts, numbers = load(str(tmp_path / "kept"))
    assert counts == Counter(a=2)
    np.testing.assert_array_equal(numbers, np.arange(3))


@pytest.mark.parametrize("function", [Path.touch, exec, eval])
def test_a_file_that_would_run_code_runs_nothing_and_counts_as_missing(tmp_path, function):
    touched = tmp_path / "touched"
    argument = touched if function is Path.touch else f"open({str(touched)!r}, 'w').close()"
    planted = pickle.dumps(Touches(function, argument))
    (tmp_path / "planted").write_bytes(planted)
    pickle.loads(planted)
    assert touched.exists()  # The file does what this test is about.
    touched.unlink()

    assert load(str(tmp_path / "planted")) is None
    assert not touched.exists()


def test_a_damaged_file_counts_as_missing(tmp_path):
    keep(str(tmp_path / "kept"), {"a": 1})
    whole = (tmp_path / "kept").read_bytes()
    (tmp_path / "kept").write_bytes(whole[: len(whole) // 2])
    assert load(str(tmp_path / "kept")) is None
    assert load(str(tmp_path / "absent")) is None


def test_what_became_of_a_shard_with_a_corrupt_image_is_read_back(tmp_path):
    corrupt = CorruptImage("train", "data-00000-of-00001", 3, "it is cut off")
    found = ShardResult("train", np.zeros(2), 9, Counter({1: 9}), [corrupt], b"digests")
    keep(str(tmp_path / "kept"), found)
    assert load(str(tmp_path / "kept")).corrupt == [corrupt]
