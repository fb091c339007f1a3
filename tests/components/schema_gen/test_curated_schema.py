"""ImportSchemaGen, and how an inferred schema becomes a curated file."""

import pathlib
import shutil

import pytest
import tensorflow_data_validation as tfdv

from components.schema_gen import schema_files
from components.schema_gen.component import ImportSchemaGen
from failures import Failure
from settings.data import Features

MASKED = Features(mask_feature="mask", mask_classes={"background": 0, "pet": 1})


@pytest.fixture
def inferred(png, make_statistics, infer):
    return infer(make_statistics(train=[{"image": png, "label": b"chat angora \xc3\xa9"}]))


@pytest.fixture
def curated(inferred, tmp_path):
    return pathlib.Path(shutil.copy(f"{inferred.uri}/schema.pbtxt", tmp_path / "cats.pbtxt"))


def import_(path, features=Features()):  # noqa: B008
    return ImportSchemaGen(schema_text=schema_files.curated_text(str(path), features))


def test_a_copied_schema_is_imported_as_it_was_inferred(inferred, curated, run):
    imported = run(import_(curated))

    assert schema_files.read(imported.uri) == schema_files.read(inferred.uri)
    assert tfdv.load_schema_text(f"{imported.uri}/schema.pbtxt").feature[0].name == "image"
    assert imported.get_string_custom_property("summary") == "2 features, curated"
    assert "chat angora é" in curated.read_text()


def test_an_edit_changes_the_execution_property_so_that_the_component_runs_again(curated):
    before = import_(curated).exec_properties
    curated.write_text(curated.read_text() + "\n# A remark changes nothing.\n")
    assert import_(curated).exec_properties == before

    curated.write_text(curated.read_text().replace("chat angora", "chat siamois"))
    assert import_(curated).exec_properties != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "schema.pbtxt cannot be read: No such file or directory. Run once"),
        ("feature { name: 'image' typ: BYTES }", "schema.pbtxt:1:25: "),
        ("not a schema", "schema.pbtxt:1:1: "),
        ("", "has no feature 'image', only none"),
        ("feature { name: 'image' type: BYTES }", "has no feature 'label', only image"),
        (
            "feature { name: 'image' type: INT } feature { name: 'label' type: INT }",
            "gives the image feature 'image' the type INT",
        ),
        (b"\xff\xfe\x00", "is not text"),
    ],
)
def test_a_schema_file_that_cannot_be_used_is_named(text, message, tmp_path):
    path = pathlib.Path(tmp_path, "schema.pbtxt")
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(Failure) as failure:
        import_(path)
    assert message in str(failure.value)
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_damaged_schema_artifact_is_refused(inferred):
    pathlib.Path(inferred.uri, "schema.pbtxt").write_text("feature {")

    with pytest.raises(Failure, match=r"schema\.pbtxt:.*Correct the file"):
        schema_files.read(inferred.uri)


def test_a_curated_schema_must_hold_the_masks_but_no_label(curated, tmp_path):
    with pytest.raises(Failure, match="has no feature 'mask'"):
        import_(curated, MASKED)

    curated.write_text('feature { name: "image" type: BYTES } feature { name: "mask" type: BYTES }')
    assert import_(curated, MASKED).exec_properties
