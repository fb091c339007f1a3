"""The same digits from each source: one set of examples, a model each."""

import csv
import hashlib
import json
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from benchmarks.kills import COMPONENTS
from cli.command_line import main
from components.examples.reading import serialized
from datasets.digit_scenes import material, png, scene
from datasets.digits import enlarged_png
from files import tfrecords
from tests.bigquery_server import PROJECT, BigqueryServer
from tests.e2e.test_digits import results, versions

SCENES = 120
TABLE = f"{PROJECT}.digits.all"
SOURCES = {
    "folder": "data={source: folder, path: FOLDER/photos}",
    "manifest": "data={source: manifest, path: FOLDER/labels.csv}",
    "tfrecords": "data={source: tfrecords, path: FOLDER/records}",
    "bigquery": f"data={{source: bigquery, table: {TABLE}, api_endpoint: API, "
    "storage_endpoint: ROWS}",
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """photos/<class>/<number>.png, labels.csv and records/*.tfrecord of scikit-learn's digits."""
    folder, loaded = tmp_path_factory.mktemp("digits"), load_digits()
    rows, records = [("path", "label")], []
    for number, (image, label) in enumerate(zip(loaded.images, loaded.target, strict=True)):
        content, path = enlarged_png(image), f"photos/{label}/{number}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        rows.append((path, label))
        values = {"image": content, "label": str(label).encode()}
        records.append(tfrecords.frame(serialized(values)))
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "records").mkdir()
    for part in range(3):
        content = b"".join(records[part::3])
        (folder / "records" / f"part-{part}.tfrecord").write_bytes(content)
    return folder


def run(capfd, root: Path, *overrides, config="configs/digits.yaml") -> tuple[int, str]:
    # How a model serves: test_digits, test_segmentation.
    words = [f"root={root}", f"push.destination={root}/pushed", "serving.check=false", *overrides]
    capfd.readouterr()
    code = main(["run", "--config", config, *(w for word in words for w in ("--set", word))])
    said = capfd.readouterr()
    return code, said.out + said.err


def expected_steps(example_gen: str) -> dict[str, str]:
    names = [example_gen if name == "TfdsExampleGen" else name for name in COMPONENTS]
    return dict.fromkeys((name for name in names if name != "ServingCheck"), "ran")


def examples_of(root: Path, example_gen: str) -> dict[str, str]:
    """{split: a hash of the set of its records}"""
    [artifact] = (root / example_gen / "examples").iterdir()
    found = {}
    for split in sorted(artifact.glob("Split-*")):
        records = [r for shard in split.iterdir() for r in tfrecords.records(shard)]
        found[split.name] = hashlib.sha256(b"".join(sorted(records))).hexdigest()
    return found


@pytest.fixture
def table(digits, bigquery_server) -> BigqueryServer:
    """A server with these digits in TABLE."""
    rows = [
        {"image": file.read_bytes(), "label": int(file.parent.name)}
        for file in sorted((digits / "photos").glob("*/*.png"))
    ]
    bigquery_server.put(TABLE.removeprefix(f"{PROJECT}."), rows)
    return bigquery_server


@pytest.mark.slow
def test_each_source_gives_the_same_examples(digits, table, tmp_path, capfd):
    # To a pushed model: the next test, test_folder, test_foreign_records and test_bigquery.
    schema = tmp_path / "schema.pbtxt"
    schema.write_text(
        'feature { name: "image" type: BYTES }\n'
        'feature { name: "label" type: BYTES string_domain { value: "0" } }\n'
    )
    found = {}
    for source, data in SOURCES.items():
        place = TABLE if source == "bigquery" else str(digits)
        data = data.replace("API", table.rest_url).replace("ROWS", table.rows_url)
        data = data.replace("FOLDER", str(digits)).replace("}", f", schema: {schema}}}")
        root, example_gen = tmp_path / source, f"{source.title()}ExampleGen"
        code, said = run(capfd, root, data)
        # The schema knows one class, so that the run ends once the examples are read.
        assert (code, "ValidationGate failed" in said.replace("│", " ")) == (1, True), said
        assert results(said)[example_gen] == "ran"
        assert "1,797 examples in 3 splits" in said
        found[source] = examples_of(root, example_gen)
        [page] = (root / "reports").glob("*.html")
        assert place in page.read_text()
    assert found["folder"] == found["manifest"] == found["tfrecords"] == found["bigquery"]
    assert set(found["folder"]) == {"Split-train", "Split-validation", "Split-test"}


@pytest.mark.slow
def test_a_manifest_makes_a_pushed_model(digits, tmp_path, capfd):
    data = SOURCES["manifest"].replace("FOLDER", str(digits))
    quickly = ("model.parameters={filters: [8]}", "training.epochs=2")
    quickly += ("evaluation.thresholds={accuracy: {min: 0.3}}",)
    code, said = run(capfd, tmp_path, data, *quickly)
    assert code == 0, said
    assert results(said) == expected_steps("ManifestExampleGen")
    assert versions(tmp_path / "pushed") == ["1"]

    words = ["--config", "configs/digits.yaml", "--set", f"push.destination={tmp_path}/pushed"]
    assert main(["lineage", "1", "--json", *words, "--set", f"root={tmp_path}"]) == 0
    lineage = json.loads(capfd.readouterr().out)
    assert lineage["data"]["dataset"].startswith(str(digits))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """scenes/images/<number>.png and scenes/masks/<number>.png, and scenes/masks.csv."""
    folder, of_train = tmp_path_factory.mktemp("scenes"), material("train")
    rows = [("path", "mask")]
    for number in range(SCENES):
        for kind, pixels in zip(("images", "masks"), scene(*of_train, (5, number)), strict=True):
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{number}.png").write_bytes(png(pixels))
        rows.append((f"images/{number}.png", f"masks/{number}.png"))
    with open(folder / "masks.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.mark.slow
def test_masks_beside_images_make_a_pushed_model(scenes, tmp_path, capfd):
    """Those of a manifest go all the way; those of a folder are the same once they are read."""

    def made(source, path, *overrides):
        classes = "mask_feature: mask, mask_classes: {background: 0, digit: 1, disc: 2}"
        data = f"data={{source: {source}, path: {scenes}{path}, {classes}}}"
        place = tmp_path / source
        return run(capfd, place, data, *overrides, config="configs/digit_scenes.yaml")

    quickly = ("model.parameters={filters: [8]}", "training.epochs=1")
    threshold = "evaluation.thresholds={mean_iou: {min: 0.1}}"
    code, said = made("manifest", "/masks.csv", *quickly, threshold)
    assert code == 0, said
    assert results(said) == expected_steps("ManifestExampleGen")
    assert f"{SCENES} examples in 3 splits" in said
    assert versions(tmp_path / "manifest" / "pushed") == ["1"]

    code, said = made("folder", "", "training.batch_size=5000")
    # It came as far as that.
    assert (code, "Trainer failed" in said.replace("│", " ")) == (1, True), said
    assert f"{SCENES} examples in 3 splits" in said
    of_folder = examples_of(tmp_path / "folder", "FolderExampleGen")
    assert of_folder == examples_of(tmp_path / "manifest", "ManifestExampleGen")


@pytest.mark.slow
def test_an_image_in_two_splits_stops_the_run_and_is_named(digits, tmp_path, capfd):
    table = (digits / "labels.csv").read_text().splitlines()
    splits = ["split", *(("train", "train", "test")[n % 3] for n in range(len(table) - 1))]
    rows = [f"{row},{split}" for row, split in zip(table, splits, strict=True)]
    rows.append(f"{table[1]},test")
    path = digits / "leaking.csv"
    path.write_text("\n".join(rows))
    code, said = run(capfd, tmp_path, f"data={{source: manifest, path: {path}}}")

    words = " ".join(said.replace("│", " ").split())
    assert code == 1
    assert "ValidationGate failed" in words
    assert "train and test share 1 image (photos/0/0.png as photos/0/0.png)" in words
    assert "raise validation.max_overlap" in words
