"""A metadata.sqlite that is none is one line, with a next step that works for every verb."""

import random

import pytest

from cli.command_line import main


@pytest.mark.parametrize(
    "words",
    [
        ["report"],
        ["feed", "--accelerator", "50"],
        pytest.param(["run"], marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0],
)
def test_a_file_that_is_no_ml_metadata_is_told_in_one_line(words, tmp_path, capfd):
    (tmp_path / "metadata.sqlite").write_bytes(random.Random(0).randbytes(50_000))
    assert main([*words, "--config", "configs/digits.yaml", "--set", f"root={tmp_path}"]) == 1
    assert capfd.readouterr().err == (
        f"steadyfeed: {tmp_path}/metadata.sqlite cannot be read as ML Metadata. Name another root "
        "with --set root=FOLDER, or remove this one, and run again.\n"
    )
