"""batch-predict takes the images that a CSV, JSONL or Parquet file names."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.command_line import main
from components.batch_predictor.sources import batches, runs_of
from failures import Failure

ROWS = [{"path": "b/2.png", "label": "x"}, {"path": "a 1.png", "label": None}, {"path": "gone.png"}]


def written(folder, suffix):
    (folder / "b").mkdir()
    (folder / "b" / "2.png").write_bytes(b"two")
    (folder / "a 1.png").write_bytes(b"one")
    file = folder / f"images{suffix}"
    if suffix == ".csv":
        file.write_text("label,path\n" + "".join(f"x,{row['path']}\n" for row in ROWS))
    elif suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), file)
    return str(file)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_images_are_read_in_the_manifests_order_and_a_missing_one_is_no_end(tmp_path, suffix):
    [run], left_out = runs_of(written(tmp_path, suffix))
    assert (run.count, left_out) == (3, "")
    assert run.names == tuple(str(tmp_path / row["path"]) for row in ROWS)
    [[two, one, missing]] = batches(run)
    assert (two, one) == (b"two", b"one")
    assert isinstance(missing, FileNotFoundError)


def test_columns_and_root_are_those_of_the_configuration(tmp_path):
    (tmp_path / "photos").mkdir()
    file = tmp_path / "images.csv"
    file.write_text("photo\n1.png\n1.png\n")
    [run], _ = runs_of(str(file), "photo", "photos")
    assert run.names == (str(tmp_path / "photos" / "1.png"),)


def test_without_the_column_or_a_path_it_is_one_line(tmp_path):
    file = tmp_path / "images.csv"
    file.write_text("photo,path\n1.png,\n")
    with pytest.raises(Failure, match=r"has no column 'file'\. It has: photo, path\."):
        runs_of(str(file), "file")
    with pytest.raises(Failure, match=r"line 2: given ''; allowed: a path"):
        runs_of(str(file))


def test_the_verb_asks_for_the_configured_column(tmp_path, capsys):
    (tmp_path / "images.csv").write_text("photo\n1.png\n")
    (tmp_path / "pushed" / "1").mkdir(parents=True)
    (tmp_path / "pushed" / "1" / "saved_model.pb").touch()
    config = tmp_path / "mine.yaml"
    config.write_text(
        f"name: mine\nroot: {tmp_path}/root\npush: {{destination: {tmp_path}/pushed}}\n"
        f"data: {{source: manifest, path: {tmp_path}/images.csv, columns: {{path: picture}}}}\n"
        "preprocessing: {height: 8, width: 8, channels: 1}\nmodel: {name: small_cnn}\n"
    )
    words = ["batch-predict", "--input", f"{tmp_path}/images.csv", "--output", f"{tmp_path}/out"]
    assert main([*words, "--config", str(config)]) == 1
    assert "has no column 'picture'. It has: photo." in capsys.readouterr().err
