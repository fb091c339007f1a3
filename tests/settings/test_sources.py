"""`data.source` decides which keys the section `data` has."""

import json
from pathlib import Path

import pytest

from failures import ConfigurationError
from settings.configuration import Configuration
from settings.reading import load
from settings.replace import replaced
from settings.sources import FolderSource, TfdsSource
from settings.spans import Window

DIGITS = Path("configs/digits.yaml")
PHOTOS = "data={source: folder, path: photos}"
SPANS = "data={source: folder, path: 'in/span-{SPAN}'}"
DAYS = "data={source: folder, path: 'in/{YYYY}-{MM}-{DD}'}"
RECORDS = "data={source: tfrecords, path: records}"
LABELS = "data={source: manifest, path: photos/labels.csv}"


def mistakes(*overrides):
    with pytest.raises(ConfigurationError) as refused:
        load(DIGITS, overrides)
    return str(refused.value).splitlines()


def test_a_configuration_without_a_source_is_one_of_tfds():
    data = load(DIGITS).data
    assert data.source == "tfds"
    assert isinstance(data.source_keys, TfdsSource)
    assert data.source_keys.dataset == "digits:1.0.0"


def test_a_folder_needs_its_path_alone():
    assert load(DIGITS, [PHOTOS]).data.source_keys == FolderSource(path="photos")


@pytest.mark.parametrize("overrides", [[], [PHOTOS], [LABELS], [RECORDS]])
def test_a_configuration_is_the_same_after_its_way_through_json(overrides):
    configuration = load(DIGITS, overrides)
    text = configuration.model_dump_json(by_alias=True)
    assert Configuration.model_validate(json.loads(text)) == configuration


def test_images_in_two_splits_stop_a_run_unless_the_source_is_tfds():
    assert load(DIGITS).validation.max_overlap is None
    assert load(DIGITS, [PHOTOS]).validation.max_overlap == 0
    assert load(DIGITS, [LABELS, "validation.max_overlap=0.5"]).validation.max_overlap == 0.5


def test_a_column_of_weights_is_what_examples_weigh():
    weighted = f"{LABELS[:-1]}, columns: {{weight: trust}}}}"
    assert load(DIGITS, [LABELS]).data.features.weight_feature is None
    assert load(DIGITS, [weighted]).data.features.weight_feature == "sample_weight"
    named = load(DIGITS, [RECORDS, "data.weight_feature=trust"]).data.features
    assert named.weight_feature == "trust"


@pytest.mark.parametrize(
    "source",
    [
        PHOTOS,
        LABELS,
        f"{LABELS[:-1]}, columns: {{weight: trust}}}}",
        "data={source: bigquery, table: photos.labels}",
    ],
)
def test_a_weight_that_no_example_of_the_source_holds_is_refused(source):
    [line] = mistakes(source, "data.weight_feature=trust")
    assert "; weight_feature 'trust' is in no example of source: " in line
    assert "allowed: left out; data.columns.weight names the column" in line


def test_the_weight_that_a_column_becomes_may_be_named():
    weighted = f"{LABELS[:-1]}, columns: {{weight: trust}}, weight_feature: sample_weight}}"
    assert load(DIGITS, [weighted]).data.features.weight_feature == "sample_weight"
    [line] = mistakes(LABELS, "data.weight_feature=sample_weight")
    assert "weight_feature 'sample_weight' is in no example of source: manifest" in line


@pytest.mark.parametrize("source", [[], [PHOTOS], [LABELS], [RECORDS]])
def test_every_source_has_a_validation_split_unless_told_otherwise(source):
    configuration = load(DIGITS, [*source, "training.monitor=accuracy"])
    assert configuration.data.source_keys.has_validation is True
    assert configuration.training.monitor == "accuracy"


def test_without_a_validation_split_the_loss_alone_can_be_monitored():
    two = [RECORDS, "data.splits={train: train-*, test: test-*}"]
    assert load(DIGITS, two).data.source_keys.has_validation is False
    [line] = mistakes(*two, "training.monitor=accuracy")
    assert "there is no data.splits.validation to measure; allowed: loss" in line


def test_a_key_of_the_source_can_be_replaced():
    configuration = replaced(load(DIGITS, [PHOTOS]), {"data.path": "others"})
    assert configuration.data.path == "others"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["data.source=foldr"], "data.source: given 'foldr'; allowed: bigquery, folder, mani"),
        (
            ["data.source=[1]"],
            "data.source: given [1]; allowed: bigquery, folder, manifest, tfds, tfrecords",
        ),
        (
            ["data={path: photos}"],
            "data: given {'path': 'photos'}; allowed: path with source: folder or ",
        ),
        (["data={source: folder}"], "data.path: missing; the folder that holds a folder of images"),
        ([PHOTOS, "data.pth=x"], "data.pth: unknown key; did you mean path?"),
        ([PHOTOS, "data.path=5"], "data.path: given 5; allowed: a folder of this machine"),
        ([PHOTOS, "data.path=minio://bucket/p"], "allowed: a folder of this machine, or an s3://"),
        ([PHOTOS, "data.path=s3://key:word@bucket/p"], "given 's3://…@bucket/p'; allowed: a fol"),
        ([PHOTOS, "data.path=s3:bucket/photos"], "allowed: a folder of this machine, or an s3://"),
        ([PHOTOS, "data.cache_dir=s3://bucket/cache"], "data.cache_dir: given 's3://bucket/cache"),
        ([PHOTOS, "data.cache_gb=0"], "data.cache_gb: given 0; allowed: a number, above 0"),
        ([PHOTOS, "data.mask_folder=images"], "allowed: another folder than data.image_folder"),
        ([PHOTOS, "data.splits={train: 80}"], "data.splits.test: missing; images that the"),
        ([PHOTOS, "data.splits={train: 80, test: 10}"], "percentages whose sum is 100, or folders"),
        ([PHOTOS, "data.splits={train: 90, test: x}"], "percentages whose sum is 100, or folders"),
        ([PHOTOS, "data.splits={train: x, test: x}"], "allowed: a folder of its own for each"),
        ([PHOTOS, "data.splits={train: 100, test: a}"], "a percentage, 1 to 99, or a folder's"),
        ([PHOTOS, "data.splits={train: a/b, test: a}"], "a percentage, 1 to 99, or a folder's"),
        ([PHOTOS, "data.splits={train: true, test: a}"], "a percentage, 1 to 99, or a folder's"),
        ([LABELS, "data.path=labels.txt"], "whose name ends in .csv, .jsonl or .parquet"),
        ([LABELS, "data.columns={pth: x}"], "data.columns.pth: unknown key; did you mean path?"),
        ([LABELS, "data.columns={path: ''}"], "data.columns.path: given ''; allowed: text, not"),
        ([LABELS, "data.columns={path: x, label: x}"], "a column of its own for each key"),
        ([LABELS, "data.split_by=user"], "allowed: 'split', 'group', 'content' or 'time'"),
        (
            [LABELS, "data.split_by=time", "data.splits={train: a, test: b}"],
            "split_by: time needs percentages in splits",
        ),
        (
            [LABELS, "data.split_by=split", "data.splits={train: 80, test: 20}"],
            "split_by: split needs values of the split column in splits",
        ),
        ([LABELS, "data.splits={train: a, test: a}"], "a value of its own for each split"),
        ([LABELS, "data.root=az://bucket"], "data.root: given 'az://bucket'; allowed: a folder of"),
        ([RECORDS, "data.files=/etc/*"], "data.files: given '/etc/*'; allowed: a pattern of files"),
        ([RECORDS, "data.files='a/../../b'"], "allowed: a pattern of files below data.path"),
        ([RECORDS, "data.splits={train: a, test: a}"], "a pattern of its own for each split"),
        ([RECORDS, "data.splits={train: 9, test: a}"], "sum is 100, or patterns"),
        ([RECORDS, "data.class_names=[a, a]"], "names of one line each, and no two the same"),
        (["data={dataset: digits}"], "data.splits: missing; a section with train, test"),
    ],
)
def test_a_mistake_in_a_source_is_one_line(overrides, expected):
    [line] = mistakes(*overrides)
    assert expected in line


def test_a_tuner_needs_a_validation_split_of_whatever_source():
    tuner = "tuner={trials: 2, epochs: 1, search_space: {training.learning_rate: {choices: [1]}}}"
    assert load(DIGITS, [PHOTOS, tuner]).tuner
    [line] = mistakes(PHOTOS, tuner, "data.splits={train: 80, test: 20}")
    assert "data.splits.validation, which is missing" in line


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("latest", Window(last=1)),
        ("all", Window()),
        ("{last: 3}", Window(last=3)),
        ("{from: 2, to: 4}", Window(from_=2, to=4)),
        ("{from: 2, gaps: true}", Window(from_=2, gaps=True)),
        ("{from: 1970-01-03, to: 2026-11-26}", Window(from_=2, to=20783)),
    ],
)
def test_a_window_is_a_word_or_says_which_spans(window, expected):
    configuration = load(DIGITS, [DAYS, f"data.window={window}"])
    source = configuration.data.source_keys
    assert source.window == expected
    assert FolderSource.from_json(source.model_dump_json()) == source
    text = configuration.model_dump_json(by_alias=True)
    assert Configuration.model_validate(json.loads(text)) == configuration


def test_the_newest_span_is_read_unless_the_configuration_says_otherwise():
    source = load(DIGITS, [SPANS]).data.source_keys
    assert (source.window, source.span, source.has_spans) == (Window(last=1), None, True)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([SPANS, "data.path=a/{SPAN}/{SPAN}"], "allowed: one {SPAN}"),
        ([SPANS, "data.path=a/{SPAN}/{DD}"], "allowed: {SPAN}, or {YYYY}, {MM} and {DD}, not both"),
        ([SPANS, "data.path=a/{YYYY}-{MM}"], "allowed: all of {YYYY}, {MM} and {DD}"),
        ([SPANS, "data.path=a/{VERSION}"], "allowed: {VERSION} with {SPAN}, or with"),
        ([SPANS, "data.path=s3://a-{SPAN}/b"], "allowed: {SPAN} behind the name of the bucket"),
        ([SPANS, "kubeflow.data_dir=gs://{SPAN}/b"], "given 'gs://{SPAN}/b'; allowed: {SPAN} be"),
        ([SPANS, "data.path=a/{SPAM}"], "or a pattern such as span-{SPAN}, without *"),
        ([SPANS, "data.window=newest"], "allowed: latest, all, {last: N} or {from: A, to: B}"),
        ([SPANS, "data.window={last: 2, to: 3}"], "allowed: latest, all, {last: N} or {from: A,"),
        ([SPANS, "data.window={last: 0}"], "data.window.last: given 0; allowed: a whole number, 1"),
        ([SPANS, "data.window={from: 5, to: 4}"], "allowed: 5 or more, as data.window.from is 5"),
        ([SPANS, "data.span=-1"], "allowed: a whole number, 0 or more, or a date such as 2026-11"),
        ([SPANS, "data.span=2026-11-01T10:00:00Z"], "allowed: a whole number, 0 or more, or a da"),
        (
            [DAYS, "data.span=20261101"],
            "data.span: given 20261101; allowed with {YYYY}, {MM} and",
        ),
        (
            [SPANS, "data.window={from: 2026-11-01, gaps: true}"],
            "data.window: given {'from': 2026-11-01, 'gaps': true}; allowed with {SPAN}: numbers",
        ),
        ([SPANS, "data.span=2026-11-01"], "write {YYYY}, {MM} and {DD} in data.path to choose by"),
        ([DAYS, "data.window={from: 20261101}"], "allowed with {YYYY}, {MM} and {DD}: dates"),
        ([PHOTOS, "data.window=all"], "allowed: only with {SPAN}, or {YYYY}, {MM} and {DD}, in"),
        ([PHOTOS, "data.span=3"], "allowed: only with {SPAN}, or {YYYY}, {MM} and {DD}, in data"),
        (["data.window=all"], "data.window: unknown key"),
        (["data.data_dir='in/{SPAN}'"], "allowed: a folder or an address, without * ? [ ] { }"),
    ],
)
def test_a_mistake_about_spans_is_one_line(overrides, expected):
    [line] = mistakes(*overrides)
    assert expected in line
