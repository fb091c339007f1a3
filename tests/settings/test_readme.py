"""The lines that README gives for other data work as they stand there."""

import re
from pathlib import Path

import pytest

from settings.reading import load
from settings.sources import TfdsSource

LINES = re.findall(r"`data: (\{.*?\})` \|", Path("README.md").read_text())


def source_of(line):
    return load(Path("configs/digits.yaml"), [f"data={line}"]).data.source_keys


@pytest.mark.parametrize("line", LINES)
def test_a_line_needs_no_other_key_of_data(line):
    assert source_of(line)


def test_a_dataset_of_tfds_is_downloaded_where_it_is_missing():
    [source] = [one for one in map(source_of, LINES) if isinstance(one, TfdsSource)]
    assert source.download
