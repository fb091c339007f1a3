"""A root without runs."""

import pytest

from tests.report.report_runs import Root


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)
