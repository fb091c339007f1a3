"""Manifests and TFRecords that arrive in spans, as folders of images do."""

import csv
import re

import pytest
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

from components.examples.reading import example_message, serialized
from components.manifest_example_gen.component import ManifestExampleGen
from components.manifest_example_gen.contents import Driver as ManifestDriver
from components.spans import marks
from components.spans.store import SpanStore, load
from components.tfrecords_example_gen.component import TfrecordsExampleGen
from components.tfrecords_example_gen.contents import Driver as TfrecordsDriver
from failures import Failure
from files import tfrecords
from settings.data import Features
from settings.manifest_source import ManifestSource
from settings.tfrecords_source import TfrecordsSource
from tests.components.source_images import mask_bytes, pairs_of, put
from tests.components.spans.conftest import EACH, SHADES, SPLITS, image_of


def images(span: int) -> list[tuple[str, bytes]]:
    return [
        (label, image_of(label, span * 1000 + place * EACH + number))
        for place, label in enumerate(SHADES)
        for number in range(EACH)
    ]


def manifest(folder, span: int) -> None:
    """`incoming/<span>/labels.csv`, with the images beside `incoming`: outside the span."""
    with open(folder / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        for number, (label, content) in enumerate(images(span)):
            pool = folder.parents[1] / "pool"
            pool.mkdir(exist_ok=True)
            (pool / f"{span}-{number}.png").write_bytes(content)
            rows.writerow([f"{span}-{number}.png", label])


def records(folder, span: int) -> None:
    """`incoming/<span>/data.tfrecord`, beside a manifest as an ingest leaves it."""
    found = [serialized({"image": one, "label": label.encode()}) for label, one in images(span)]
    (folder / "data.tfrecord").write_bytes(b"".join(map(tfrecords.frame, found)))
    (folder / "manifest.json").write_text("{}")


SOURCES = {
    "manifest": (
        manifest,
        ManifestExampleGen,
        ManifestDriver,
        lambda here: ManifestSource.of(
            path=f"{here}/incoming/{{SPAN}}/labels.csv", root=f"{here}/pool", window="all",
            splits=SPLITS,
        ),
    ),
    "tfrecords": (
        records,
        TfrecordsExampleGen,
        TfrecordsDriver,
        lambda here: TfrecordsSource.of(
            path=f"{here}/incoming/{{SPAN}}", window="all", splits=SPLITS
        ),
    ),
}  # fmt: skip


def manifest_of_a_split(folder, span: int) -> None:
    """As `manifest`, all of it test in span 1 and train in the others."""
    manifest(folder, span)
    first, *rows = (folder / "labels.csv").read_text().splitlines()
    of = [f"{row},{'test' if span == 1 else 'train'}" for row in rows]
    (folder / "labels.csv").write_text("\n".join([f"{first},split", *of]))


def records_of_a_split(folder, span: int) -> None:
    records(folder, span)
    name = "test" if span == 1 else "train"
    (folder / "data.tfrecord").rename(folder / f"{name}.tfrecord")


OF_A_SPLIT = {
    "manifest": (
        manifest_of_a_split,
        ManifestExampleGen,
        ManifestDriver,
        lambda here: ManifestSource.of(
            path=f"{here}/incoming/{{SPAN}}/labels.csv", root=f"{here}/pool", window="all"
        ),
    ),
    "named": (
        manifest_of_a_split,
        ManifestExampleGen,
        ManifestDriver,
        lambda here: ManifestSource.of(
            path=f"{here}/incoming/{{SPAN}}/labels.csv", root=f"{here}/pool", window="all",
            splits={"train": "train", "test": "test"},
        ),
    ),
    "tfrecords": (
        records_of_a_split,
        TfrecordsExampleGen,
        TfrecordsDriver,
        lambda here: TfrecordsSource.of(
            path=f"{here}/incoming/{{SPAN}}", window="all",
            splits={"train": "train*", "test": "test*"},
        ),
    ),
}  # fmt: skip


@pytest.fixture(params=SOURCES.values(), ids=SOURCES)
def source(request, tmp_path):
    """(arrive, ingest): puts a span there; runs ExampleGen, and gives its artifact."""
    write, component, driver, section = request.param
    runs = iter(range(9))

    def arrive(span: int):
        folder = tmp_path / "incoming" / str(span)
        folder.mkdir(parents=True)
        write(folder, span)

    def ingest():
        store = SpanStore(folder=str(tmp_path / "root" / "spans"), code="1")
        made = component(section(tmp_path), Features(), span_store=store)
        properties = dict(made.exec_properties)
        properties["fingerprint"] = driver(None).value({}, properties)
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "root" / str(next(runs)))
        context = base_beam_executor.BaseBeamExecutor.Context(tmp_dir=str(tmp_path / "tmp"))
        outputs = {"examples": [examples]}
        made.executor_spec.executor_class(context).Do({}, outputs, properties)
        return outputs["examples"][0]

    return arrive, ingest


def summary(examples) -> str:
    return examples.get_string_custom_property("summary")


def test_each_span_of_any_source_is_read_once(source):
    arrive, ingest = source
    arrive(1)
    assert "span 1 (new: span 1)" in summary(ingest())
    arrive(2)
    examples = ingest()
    assert "spans 1, 2 (new: span 2)" in summary(examples)
    assert "spans 1, 2 (new: none)" in summary(ingest())
    found = {pair for pairs in pairs_of(examples).values() for pair in pairs}
    assert found == {
        (content, label.encode()) for span in (1, 2) for label, content in images(span)
    }


@pytest.mark.parametrize("source", OF_A_SPLIT.values(), ids=OF_A_SPLIT, indirect=True)
def test_a_split_that_is_given_may_come_in_one_of_the_spans_alone(source, request):
    arrive, ingest = source
    arrive(1)
    with pytest.raises(Failure, match="split train gets none of the 60 ") as refused:
        ingest()
    if "manifest" not in request.node.callspec.id:  # whose default names no value
        assert re.search(r"any of 'train\*?' \(data\.splits\.train\)\.", str(refused.value))
    arrive(2)
    arrive(3)
    found = {split: set(pairs) for split, pairs in pairs_of(ingest()).items()}
    assert found == {
        "test": {(content, label.encode()) for label, content in images(1)},
        "train": {(content, label.encode()) for label, content in images(2) + images(3)},
    }


def test_what_was_found_in_a_span_of_any_source_is_read_back(source, tmp_path):
    arrive, ingest = source
    arrive(1)
    ingest()
    [found] = (tmp_path / "root" / "spans" / "read").iterdir()
    contents, _, _ = load(str(found))
    assert sum(contents.counts.values()) == len(images(1))


@pytest.mark.parametrize("source", [SOURCES["manifest"]], indirect=True)
def test_a_file_outside_the_span_counts_as_well(source, tmp_path):
    arrive, ingest = source
    arrive(1)
    ingest()
    (tmp_path / "pool" / "1-0.png").write_bytes(image_of("dark", 7))
    assert "(new: span 1)" in summary(ingest())


def test_an_image_counts_once_its_mask_arrives_or_is_repaired(tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "_TICK_NS", 0)  # The files are as old as if they had lain there.
    pool, lines = tmp_path / "pool", ["path,mask"]
    for number in range(EACH):
        put(pool / f"{number}.png", image_of("dark", number))
        put(pool / "masks" / f"{number}.png", mask_bytes(number))
        lines.append(f"{number}.png,masks/{number}.png")
    put(tmp_path / "incoming" / "1" / "labels.csv", "\n".join(lines).encode())
    _, _, _, section = SOURCES["manifest"]
    features = Features.of(mask_feature="mask", mask_classes={"ground": 0, "tree": 1})
    properties = {
        "source": section(tmp_path).model_dump_json(),
        "features": features.model_dump_json(),
        "span_store": SpanStore(folder=str(tmp_path / "spans"), code="1").model_dump_json(),
    }

    def images_taken():
        return sum(ManifestDriver(None).contents(properties).counts.values())

    (pool / "masks" / "0.png").unlink()
    put(pool / "masks" / "1.png", mask_bytes(1)[:-9])
    assert images_taken() == EACH - 2
    put(pool / "masks" / "0.png", mask_bytes(0))
    assert images_taken() == EACH - 1
    put(pool / "masks" / "1.png", mask_bytes(1))
    assert images_taken() == EACH


@pytest.mark.parametrize("source", [SOURCES["tfrecords"]], indirect=True)
def test_all_spans_need_labels_of_one_kind(source, tmp_path):
    arrive, ingest = source
    arrive(1)
    arrive(2)
    example = example_message()()
    example.features.feature["image"].bytes_list.value.append(image_of("dark", 7))
    example.features.feature["label"].int64_list.value.append(1)
    file = tmp_path / "incoming" / "2" / "data.tfrecord"
    file.write_bytes(tfrecords.frame(example.SerializeToString()))
    with pytest.raises(Failure, match=r"'label' is bytes in .*1/data.tfrecord and int64 in .*2/"):
        ingest()
