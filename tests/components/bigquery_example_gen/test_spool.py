"""What rows hold is read back from the spool, also by other processes."""

import pickle

import pytest

from components.bigquery_example_gen.spool import SpoolReader, spool_file
from components.examples import picture_scan
from components.examples.entries import Entry
from tests.components.source_images import pairs_of


def test_another_process_gets_the_places_of_its_own_images_alone(tmp_path):
    with spool_file(str(tmp_path / "spool")) as append:
        places = {str(number): append(b"row %d" % number) for number in range(1000)}
    entries = [
        Entry(places["7"].digest, "cat", "7", 5),
        Entry(places["8"].digest, "", "8", 10, mask_path="9", mask_digest=places["9"].digest),
    ]
    pickled = pickle.dumps(SpoolReader(places, entries))
    assert len(pickled) < len(pickle.dumps(places)) / 50
    read = pickle.loads(pickled)
    assert [read(name, places[name].digest) for name in "789"] == [b"row 7", b"row 8", b"row 9"]


@pytest.mark.slow
def test_several_processes_write_the_rows_that_this_one_would(
    bigquery_server, rows, ingest, cores, started_works, monkeypatch
):
    bigquery_server.put("pets.photos", rows)
    alone = pairs_of(ingest())
    cores(2)
    monkeypatch.setattr(picture_scan, "_MANY", 1)
    assert pairs_of(ingest()) == alone
    assert len(started_works) == 2
