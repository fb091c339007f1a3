"""A flipped byte in a shard ends a training with one line that names the shard."""

import shutil

import pytest

from failures import Failure
from tests.components.trainer.conftest import LINEAR


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("strategy", ["memory", "disk", "streaming"])
def test_a_flipped_byte_ends_a_training_with_one_line(strategy, split, digits, train_in, tmp_path):
    shutil.copytree(digits.folder / "transformed", tmp_path / "damaged")
    inputs = digits.inputs
    inputs["transformed_examples"][0].uri = str(tmp_path / "damaged")
    shard = max((tmp_path / "damaged" / f"Split-{split}").iterdir())
    content = bytearray(shard.read_bytes())
    content[-30] ^= 0xFF  # a pixel of the last record
    shard.write_bytes(content)
    with pytest.raises(Failure, match=rf"{shard} is damaged after \d+ whole records") as failure:
        train_in(
            "training",
            inputs=inputs,
            model=LINEAR,
            epochs=1,
            input={"strategy": strategy, "cache_dir": str(tmp_path / "cache")},
        )
    assert "\n" not in str(failure.value)
    assert not list((tmp_path / "training").glob("model/*"))
