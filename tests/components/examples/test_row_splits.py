"""Rows of a table are put into splits, or refused in one line."""

import pytest

from components.examples.row_splits import laid_out
from components.examples.rows import Row, Rows
from failures import Failure


@pytest.mark.parametrize("has_masks", [False, True])
def test_rows_without_a_whole_image_are_refused(has_masks):
    rows = Rows([Row("a.png", "cat", "a-mask.png", "", "", 0, None)], "content", {})
    with pytest.raises(Failure, match=r"pets\.csv: none of its 1 rows has a whole image\."):
        laid_out(rows, {}, None, has_masks, "pets.csv")
