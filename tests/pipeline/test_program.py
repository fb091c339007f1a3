"""What programs begin and end with."""

import gc

import pytest

from pipeline.program import exit_at_once, uncollected


@pytest.fixture(autouse=True)
def collector():
    """Leaves the collector as it was."""
    yield
    gc.enable()
    gc.unfreeze()


def test_the_collector_never_looks_at_what_was_imported_and_works_afterwards():
    with uncollected():
        kept = [object()]
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not any(one is kept for one in gc.get_objects())


def test_the_collector_works_after_an_import_that_fails():
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()


def test_a_program_exits_with_its_code():
    with pytest.raises(SystemExit) as exit:
        exit_at_once(3)
    assert exit.value.code == 3
