"""A mistake in a configuration is one line: where, what was given, what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

from components.serving_check import installed
from failures import ConfigurationError, Failure
from settings.configuration import Configuration
from settings.reading import load

DIGITS = Path("configs/digits.yaml")


def mistakes(file, *overrides):
    with pytest.raises(ConfigurationError) as caught:
        load(file, overrides)
    return str(caught.value).splitlines()


def changed(tmp_path, old, new):
    text = DIGITS.read_text()
    assert old in text
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace(old, new))
    return file


@pytest.mark.parametrize("file", sorted(Path("configs").glob("*.yaml")), ids=str)
def test_every_configuration_of_the_project_is_right_and_says_how_it_is_run(file):
    load(file)
    header = file.read_text().splitlines()[:4]
    assert str(file) in header[0] or "make run" in header[0]
    assert any("Expected" in line for line in header)


def test_requests_to_warm_up_with_need_the_check_that_makes_them():
    assert load(DIGITS, ["serving.warm_up=true"]).serving.warm_up
    [line] = mistakes(DIGITS, "serving.warm_up=true", "serving.check=false")
    assert line.endswith("warm_up: given true; allowed: false, or with check: true")


def test_exported_files_need_the_check_that_compares_them():
    assert load(DIGITS, ["serving.export=[onnx]"]).serving.export == ["onnx"]
    [line] = mistakes(DIGITS, "serving.export=[onnx]", "serving.check=false")
    assert line.endswith("export: given with check: false; allowed: with check: true")
    [line] = mistakes(DIGITS, "serving.export=[onnx, onnx]")
    assert "given ['onnx', 'onnx']; allowed: each once" in line


def test_a_package_that_an_export_needs_is_missed_before_the_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Failure, match=r"^serving\.export: onnx needs onnxruntime and tf2onnx, not"):
        installed.check(load(DIGITS, ["serving.export=[onnx]"]).serving)
    installed.check(load(DIGITS, ["serving.export=[tflite_int8]"]).serving)


def test_a_misspelt_key_is_met_with_the_right_one(tmp_path):
    file = changed(tmp_path, "batch_size: ", "batchsize: ")
    [line] = mistakes(file)
    number = DIGITS.read_text()[: DIGITS.read_text().index("batch_size")].count("\n") + 1
    assert line == f"{file}:{number}: training.batchsize: unknown key; did you mean batch_size?"


def test_a_key_in_the_wrong_section_is_met_with_the_right_section(tmp_path):
    file = changed(tmp_path, "seed: 7", "seed: 7\nepochs: 5")
    [line] = mistakes(file)
    assert line.endswith("epochs: unknown key; did you mean training.epochs?")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "training.epochs=many",
            "training.epochs: given 'many'; allowed: a whole number, 1 to 100,000",
        ),
        ("training.epochs=0", "given 0; allowed: a whole number, 1 to 100,000"),
        ("training.learning_rate=-1", "given -1; allowed: a number, above 0, at most 10"),
        (
            "training.class_weights={a: -1}",
            "given {'a': -1}; allowed: balanced, or class names, each with a number of 0 or more",
        ),
        (
            "training={batch_size: 12, gradient_accumulation: 5}",
            "given 5; allowed with batch_size 12: 1, 2, 3, 4, 6, 12",
        ),
        ("training.monitor=mean_iou", "mean_iou is not of classification; allowed: accuracy, "),
        (
            "training={sampling: balanced, input: {strategy: streaming}}",
            "training.sampling: balanced takes images from anywhere, and streaming has them in one",
        ),
        ("training={freeze_epochs: 1, freeze_to: ''}", "freeze_to: given ''; allowed: text, not"),
        ("evaluation.thresholds.accuracy.min=95", "accuracy.min: given 95.0; allowed: a number"),
        ("evaluation.thresholds.loss={max: -1}", "loss.max: given -1.0; allowed: 0 or more"),
        ("evaluation.change.accuracy.max_drop=2", "max_drop: given 2.0; allowed: a number"),
        ("training.monitor=top_5_accuracy", "given 'top_5_accuracy'; allowed: accuracy, loss, "),
        ("training.recipe=fine", "allowed: 'from_scratch', 'fine_tune' or 'segmentation'"),
        ("data.weight_feature=label", "given 'label'; allowed: another feature than "),
        ("preprocessing.channels=2", "given 2; allowed: 1 or 3"),
        ("preprocessing.height=true", "given True; allowed: a whole number, 8 to 4,096"),
        ("preprocessing.on_corrupt_image=skip", "given 'skip'; allowed: 'fail' or 'drop'"),
        ("data.dataset=../digits", "allowed: TFDS name[/config][:version]"),
        ("data.splits.train=5", "given 5; allowed: text"),
        ("name=My Digits", "given 'My Digits'; allowed: lower-case letters, digits and hyphens"),
        ("preprocessing.height=4", "given 4; allowed: a whole number, 8 to 4,096"),
        ("evaluation=5", "given 5; allowed: a section with the keys metrics, thresholds, "),
        ("evaluation.thresholds=5", "given 5; allowed: keys (accuracy, "),
        ("kubeflow.every_step.cpu=x", "allowed: a number with a unit of Kubernetes"),
        ("data.schema=schema/none.pbtxt", "which is not a file"),
        ("evaluation.thresholds.accuracy={}", "needs min or max"),
        ("evaluation.thresholds.accuracy={min: 2, max: 1}", "min 2.0 is above max 1.0"),
        ("evaluation.thresholds.acuracy={min: 0.9}", "did you mean accuracy?"),
        (
            "evaluation.thresholds.mean_iou={min: 0.5}",
            "evaluation.thresholds.mean_iou: not measured in classification; allowed: accuracy, ",
        ),
        ("model.name=small_cn", "did you mean small_cnn?"),
        ("push.destination=minio://bucket/models", "allowed: a folder, or an s3:// or gs:// addr"),
        ("push.destination=s3://", "allowed: a folder, or an s3:// or gs:// address"),
        ("push.destination=s3:/bucket/models", "allowed: a folder, or an s3:// or gs:// address"),
        ("push.destination=S3://bucket/models", "allowed: a folder, or an s3:// or gs:// address"),
        ("push.destination=s3://Bucket/models", "allowed: a folder, or an s3:// or gs:// address"),
        ("push.destination=gs://key:word@bucket/m", "allowed: a folder, or an s3:// or gs:// addr"),
        ("push.destination=gs://bucket/models?", "allowed: a folder, or an s3:// or gs:// address"),
        ("kubeflow.push_destination=minio://b/m", "allowed: an absolute path, or an s3:// or gs"),
        (
            "kubeflow.every_step.environment={AWS_SECRET_ACCESS_KEY: x}",
            "given 'AWS_SECRET_ACCESS_KEY'; allowed: a Kubernetes secret",
        ),
        ("root=gs://bucket/runs", "allowed: a folder of this machine"),
    ],
)
def test_a_bad_value_names_key_value_and_what_is_allowed(override, expected):
    [line] = mistakes(DIGITS, override)
    assert expected in line
    assert line.startswith("--set: ")


MASKS = "data.mask_feature=mask"
TWO = "data.mask_classes={ground: 0, thing: 1}"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([MASKS], "data.mask_classes: given {}; allowed: 2 to 255 classes"),
        ([MASKS, "data.mask_classes={thing: 1}"], "given {'thing': 1}; allowed: 2 to 255 classes"),
        ([MASKS, "data.mask_classes={a: 1, b: 1}"], "allowed: a pixel value of its own"),
        (
            [MASKS, "data.mask_classes={a: 1, b: 256}"],
            "given 256; allowed: a whole number, 0 to 255",
        ),
        ([MASKS, "data.mask_classes={a: 1, b: '12'}"], "given '12'; allowed: a whole number"),
        ([MASKS, "data.mask_classes={a: 1, b: '#ff8000'}"], "pixel values or colours, not both"),
        ([MASKS, "data.mask_classes={a: '#ff8000', b: '#ff8000'}"], "value of its own"),
        ([MASKS, "data.mask_classes={a: 1, '': 2}"], "allowed: a name of one line"),
        ([TWO], "allowed: only beside data.mask_feature"),
        (["data.mask_feature=image", TWO], "another feature than data.image_feature"),
        ([MASKS, TWO], "small_cnn is for classification, and there is data.mask_feature; allowed"),
        (["model.name=unet"], "unet is for segmentation, and there is no data.mask_feature"),
        (
            [MASKS, TWO, "model={name: unet}", "training.recipe=from_scratch"],
            "training.mixup: given 0.2 (of recipe from_scratch); allowed: 0, as masks cannot",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.sampling=balanced"],
            "training.sampling: balanced needs one class for each image; allowed: shuffled",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.class_weights={thing: 2, sky: 1}"],
            "training.class_weights: sky is not a class; allowed: ground, thing",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.class_weights={thing: 0, ground: 0}"],
            "training.class_weights: every class has the weight 0",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.input.strategy=compressed"],
            "training.input.strategy: given compressed, and masks as JPEGs would not keep",
        ),
    ],
)
def test_what_does_not_fit_segmentation_is_told_in_one_line(overrides, expected):
    [line] = mistakes(DIGITS, *overrides)
    assert expected in line


SEVERAL = "data.multi_label=true"
PHOTOS = "data={source: manifest, path: photos/labels.csv, multi_label: true}"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            [SEVERAL, MASKS, TWO],
            "data.mask_feature: given 'mask'; allowed: only without data.multi",
        ),
        (
            [SEVERAL, "model.name=unet"],
            "unet is for segmentation, and there is no data.mask_feature",
        ),
        (
            [SEVERAL, "training.sampling=balanced"],
            "training.sampling: balanced needs one class for each image; allowed: shuffled",
        ),
        (
            [SEVERAL, "training.monitor=mean_average_precision"],
            "training.monitor: given 'mean_average_precision'; allowed: accuracy, loss",
        ),
        (
            [SEVERAL, "evaluation.thresholds={mean_iou: {min: 1}}"],
            "evaluation.thresholds.mean_iou: not measured in multi_label; allowed: accuracy, loss",
        ),
        (
            ["evaluation.thresholds={mean_average_precision: {min: 1}}"],
            "mean_average_precision: not measured in classification; allowed: accuracy",
        ),
        (
            ["data={source: folder, path: photos, multi_label: true}"],
            "multi_label: true needs source: tfds, manifest or tfrecords",
        ),
        ([PHOTOS], "label_separator is missing, and a CSV has no lists; allowed: what"),
        (
            ["data={source: manifest, path: photos/labels.csv, label_separator: ;}"],
            "label_separator is given; allowed: only with multi_label: true",
        ),
    ],
)
def test_what_does_not_fit_several_labels_is_reported_in_one_line(overrides, expected):
    [line] = mistakes(DIGITS, *overrides)
    assert expected in line


def test_networks_for_whole_images_give_several_labels_too():
    assert load(DIGITS, [SEVERAL]).data.task == "multi_label"
    data = {"label_separator": ";", "multi_label": True, "path": "photos/labels.csv"}
    assert load(DIGITS, [f"data={data | {'source': 'manifest'}}"]).data.task == "multi_label"


def test_a_password_in_a_refused_url_is_not_repeated():
    [reported] = mistakes(DIGITS, "kubeflow.endpoint=https://me:hunter2@example.org/p@th")
    assert "hunter2" not in reported
    assert "https://…@" in reported


def test_several_mistakes_are_told_at_once(tmp_path):
    lines = mistakes(DIGITS, "training.epochs=0", "training.batch_size=-1")
    assert len(lines) == 2


def test_a_missing_key_says_what_it_means(tmp_path):
    file = changed(tmp_path, "root: runs/digits\n", "")
    [line] = mistakes(file)
    assert line == f"{file}: root: missing; the folder of artifacts, metadata and logs"


def test_a_missing_section_names_what_it_needs(tmp_path):
    file = changed(tmp_path, "push:\n  destination: runs/digits/pushed\n", "")
    [line] = mistakes(file)
    assert line.endswith("push: missing; a section with destination")


def test_a_key_given_twice_is_refused(tmp_path):
    file = changed(tmp_path, "seed: 7", "seed: 7\nseed: 8")
    [line] = mistakes(file)
    assert "'seed' is given twice" in line


def test_a_missing_file_names_those_there_are():
    [line] = mistakes("configs/digit.yaml")
    assert line.startswith("configs/digit.yaml: no such configuration file; there are ")
    assert "configs/digits.yaml" in line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"- a\n- b\n", "keys and values are expected"),
        (b"", "keys and values are expected"),
        (b"a: [1,\n", "not valid YAML"),
        (b"a: \xff\xfe\n", "not UTF-8 text"),
        (b"a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        (
            b"name: x\nroot: 2026-13-45\n",
            ":2: not valid YAML: '2026-13-45' is not a valid timestamp",
        ),
        (b"seed: !!int one\n", ":1: not valid YAML: 'one' is not a valid int"),
        (b"seed: " + 5000 * b"9", ":1: not valid YAML: '9999"),
        (b"a: !!timestamp x\n", ":1: not valid YAML: 'x' is not a valid timestamp"),
        (b"name: x\n? [a, b]\n: c\n", ":2: not valid YAML: a key is one word"),
        (
            "name: x\nroot: a\x85b\n".encode(),
            r":2: not valid YAML: it holds U+0085, an unseen line break; remove it, or write \N "
            "between double quotes",
        ),
        ("# a\u2028b: c\n".encode(), ":1: not valid YAML: it holds U+2028"),
        (b"a: &a [*a]\n", "not valid YAML: it is nested too deeply"),
        (b"a: " + 3000 * b"[", "not valid YAML: it is nested too deeply"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, content, expected):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    [line] = mistakes(file)
    assert line.startswith(str(file))
    assert expected in line


@pytest.mark.parametrize(
    "override",
    [
        "training.epochs", "=5", "training..epochs=5", "seed.x=5", "name=2026-13-45",
        "seed=!!int one", "name=[[[", "name=&a [*a",
    ],
)  # fmt: skip
def test_a_malformed_override_is_refused(override):
    [line] = mistakes(DIGITS, override)
    assert line.startswith(f"--set {override}: ")


def test_a_number_in_scientific_notation_needs_no_point(tmp_path):
    file = changed(tmp_path, "learning_rate: 0.004", "learning_rate: 2e-3")
    assert load(file).training.learning_rate == 0.002
    assert load(DIGITS, ["training.learning_rate=1e-4"]).training.learning_rate == 0.0001
    space = "tuner.search_space={training.learning_rate: {choices: [1e-3, 5E-4, 1.5e+0]}}"
    tried = load(DIGITS, [*TUNER, space]).tuner.search_space["training.learning_rate"]
    assert tried.choices == [0.001, 0.0005, 1.5]


@pytest.mark.parametrize(
    "override",
    [
        "evaluation.thresholds.accuracy.min=.nan", "evaluation.change.loss.max_rise=.inf",
        "serving.max_slowdown=.inf",
    ],
)  # fmt: skip
def test_a_bound_that_no_number_reaches_is_refused(override):
    [line] = mistakes(DIGITS, override)
    assert line.startswith(f"--set: {override.partition('=')[0]}: given ")


@pytest.mark.parametrize("value", ["2026-01-01", ".nan", "[0.1, .inf]"])
def test_a_models_parameter_that_is_not_a_number_is_refused_in_one_line(value):
    [line] = mistakes(DIGITS, f"model.parameters={{dropout: {value}}}")
    assert line.startswith("--set: model.parameters.dropout: given ")
    assert line.endswith("allowed: a number, 0 or more, below 1")


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        ("small_cnn", "{filters: 16}", "filters: given 16; allowed: a list of a whole number"),
        ("small_cnn", "{filters: [8, 0]}", "filters.1: given 0; allowed: a whole number, above 0"),
        ("small_cnn", "{dropout: '0.5'}", "dropout: given '0.5'; allowed: a number"),
        ("mobilenet", "{variant: v4}", "variant: given 'v4'; allowed: 'v2', 'v3_small' or"),
        ("mobilenet", "{alfa: 1.0}", "alfa: unknown key; did you mean alpha?"),
        ("mobilenet", "{alpha: .inf}", "alpha: given inf; allowed: a number, above 0"),
        (
            "unet",
            "{filters: []}",
            "filters: given []; allowed: a list of a whole number, above 0, at",
        ),
        ("mobilenet", "{alpha: null}", "alpha: given None; allowed: a number"),
        ("resnet", "{depth: 18}", "depth: given 18; allowed: 50, 101 or 152"),
    ],
)
def test_a_models_parameter_of_another_type_is_reported_before_anything_runs(
    model, parameters, expected
):
    [line] = mistakes(DIGITS, f"model={{name: {model}, parameters: {parameters}}}")
    assert line.startswith(f"--set: model.parameters.{expected}")


def test_a_models_parameters_of_their_types_are_read():
    parameters = "{variant: v3_large, alpha: 1, dropout: 0.2}"
    model = load(DIGITS, [f"model={{name: mobilenet, parameters: {parameters}}}"]).model
    assert model.parameters["alpha"] == 1


def test_overrides_win_over_the_file():
    assert (
        load(DIGITS, ["training.epochs=3", "data.splits.train='train[:50%]'"]).training.epochs == 3
    )


def test_a_mistake_is_told_before_tensorflow_is_imported(tmp_path):
    command = (
        "import sys; from cli.command_line import main\n"
        "code = main(['run', '--config', 'configs/digits.yaml', '--set', 'seed=x'])\n"
        "assert 'tensorflow' not in sys.modules and 'tfx' not in sys.modules\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


TUNER = ["tuner.trials=3", "tuner.epochs=2"]
RATE = "tuner.search_space={training.learning_rate: {min: 0.001, max: 0.1, log: true}}"


def test_a_search_space_is_read():
    tuner = load(DIGITS, [*TUNER, RATE]).tuner
    assert tuner.search_space["training.learning_rate"].max == 0.1
    assert load(DIGITS).tuner is None


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["tuner.search_space={training.learning: {min: 0.1, max: 1}}"], "mean learning_rate?"),
        (["tuner.search_space={training.epochs: {min: 1, max: 9}}"], "unknown key"),
        (["tuner.search_space={model.parameters.depth: {min: 1, max: 9}}"], "parameters.filters"),
        (["tuner.search_space={augmentation.hue: {min: 0.0, max: 0.1}}"], "unknown key"),
        (["tuner.search_space={training.learning_rate: {min: 0.1, max: 11.0}}"], "given 11.0"),
        (["tuner.search_space={training.batch_size: {min: 1.5, max: 8}}"], "given 1.5"),
        (["tuner.search_space={training.optimizer: {choices: [adam, lion]}}"], "given 'lion'"),
        (["tuner.search_space={training.learning_rate: {min: 0.1}}"], "min and max, or choices"),
        (["tuner.search_space={training.learning_rate: {min: 0.2, max: 0.1}}"], "below max"),
        (["tuner.search_space={training.learning_rate: {min: 0.0, max: 1, log: true}}"], "above 0"),
        (
            ["tuner.search_space={training.learning_rate: {min: low, max: 1}}"],
            "learning_rate.min: given 'low'; allowed: a whole number or a number",
        ),
        (["tuner.search_space={model.parameters.filters: {min: 4, max: 8}}"], "given 4; allowed"),
        (["tuner.search_space={model.parameters.dropout: {choices: [none]}}"], "given 'none'"),
        (
            ["tuner.search_space={model.weights: {choices: [null, nowhere.h5]}}"],
            "model.weights: given 'nowhere.h5', where no weights are",
        ),
        (
            ["tuner.search_space={model.parameters.dropout: {min: 0.1, max: .inf}}"],
            "given inf",
        ),
        (
            ["tuner.search_space={model.parameters.dropout: {min: .nan, max: 0.5}}"],
            "given nan",
        ),
        (
            ["tuner.search_space={training.optimizer: {choices: [adam, sgd, adam]}}"],
            "choices has 'adam' twice",
        ),
        (
            ["tuner.search_space={model.parameters.dropout: {choices: [2026-01-01]}}"],
            "choices.0: given datetime.date(2026, 1, 1); allowed: text, finite numbers",
        ),
        (["tuner.search_space={}"], "at least 1"),
        ([], "tuner.search_space: missing"),
        ([RATE, "tuner.algorithm=grid"], "'random', 'bayesian' or 'hyperband'"),
        ([RATE, "tuner.objective=validation_mean_iou"], "needs segmentation"),
        ([RATE, "data.splits.validation=null"], "data.splits.validation, which is missing"),
        ([RATE, "tuner.trials=0"], "tuner.trials: given 0"),
        ([RATE, "tuner.stop_poor_after=2", "tuner.epochs=2"], "allowed: fewer than tuner.epochs"),
        (
            ["tuner.search_space={training.freeze_epochs: {min: 0, max: 2}}"],
            "training.freeze_epochs: given 2, and model.weights is missing",
        ),
        (
            [SEVERAL, "tuner.search_space={training.sampling: {choices: [shuffled, balanced]}}"],
            "training.sampling: balanced needs one class for each image",
        ),
        (
            [
                MASKS,
                TWO,
                "model={name: unet}",
                "tuner.search_space={training.mixup: {choices: [0.0, 0.2]}}",
            ],
            "training.mixup: given 0.2; allowed: 0, as masks cannot be added",
        ),
    ],
)
def test_a_search_that_cannot_be_done_is_refused_in_one_line(overrides, expected):
    [line] = mistakes(DIGITS, *TUNER, *overrides)
    assert "tuner" in line
    assert expected in line


def test_colour_changes_of_grey_images_are_refused():
    [line] = mistakes(DIGITS, "augmentation.hue=0.1")
    assert line.startswith("configs/digits.yaml: augmentation:")
    assert "preprocessing.channels 1" in line


def test_weights_that_are_not_there_are_refused_before_anything_runs():
    for place in ("nowhere.weights.h5", "configs", "README.md"):
        [line] = mistakes(DIGITS, f"model.weights={place}")
        assert f"--set: model.weights: given '{place}', where no weights are; allowed: a" in line
    # What is in a bucket is asked for when the run begins.
    assert load(DIGITS, ["model.weights=s3://models/digits/7"]).model.weights


def test_a_file_of_a_backbones_weights_is_refused_for_a_network_that_has_none(tmp_path):
    file = tmp_path / "backbone.weights.h5"
    file.touch()
    for place in (str(file), "s3://models/backbone.keras"):
        [line] = mistakes(DIGITS, f"model.weights={place}")
        assert f"given '{place}', a file of Keras weights, which are those of a backbone" in line
        assert line.endswith("or model.name backbone, backbone_unet, mobilenet, resnet")
        assert load(DIGITS, [f"model={{name: backbone, weights: '{place}'}}"]).model.weights


def test_weights_of_other_networks_and_colours_are_refused_before_anything_runs(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    (tmp_path / "assets.extra").mkdir()
    beside = tmp_path / "assets.extra" / "network.json"
    given = f"model.weights={tmp_path}"
    beside.write_text('{"network": "resnet", "pixel_mean": [1, 2, 3]}')
    [line] = mistakes(DIGITS, given)
    assert "whose weights were trained with preprocessing.channels 3; given 1 here" in line
    [line] = mistakes(DIGITS, given, "preprocessing.channels=3")
    assert "whose weights are those of resnet; allowed: those of small_cnn" in line
    assert load(DIGITS, [given, "preprocessing.channels=3", "model.name=mobilenet"])
    for content in ('{"network": "small_cnn", "pixel_mean": [1]}', "[]", "no JSON"):
        beside.write_text(content)
        assert load(DIGITS, [given]).model.weights


def test_what_does_not_fit_says_that_the_recipe_gave_it():
    [line] = mistakes(DIGITS, "training.recipe=segmentation")
    assert "training.monitor: mean_iou (of recipe segmentation) is not of classification" in line


def test_layers_are_frozen_only_where_the_training_begins_with_given_weights():
    weights = "model.weights=s3://models/digits/7"
    for key, by in (("recipe=fine_tune", " (of recipe fine_tune)"), ("freeze_epochs=1", "")):
        [line] = mistakes(DIGITS, f"training.{key}")
        assert f"training.freeze_epochs: given 1{by}, and model.weights is missing" in line
        assert load(DIGITS, [f"training.{key}", weights]).training.freeze_epochs == 1
    tried = "tuner.search_space={model.weights: {choices: [null, 's3://models/digits/7']}}"
    assert load(DIGITS, ["training.recipe=fine_tune", *TUNER, tried])
    [line] = mistakes(DIGITS, "training.freeze_to=conv2d")
    assert "freeze_to: given 'conv2d'; allowed with training.freeze_epochs above 0" in line


def test_workers_that_cannot_share_a_batch_alike_are_one_line():
    [line] = mistakes(DIGITS, "training.workers=3")
    assert "batch_size 32 for 3 workers; allowed: a multiple of workers" in line
    [line] = mistakes(DIGITS, "training.workers=16", "training.gradient_accumulation=4")
    assert "4 for batch_size 32 and 16 workers; allowed: at most 2" in line
    tried = "{training.batch_size: {min: 8, max: 32}}"
    tuner = f"tuner={{trials: 2, epochs: 1, search_space: {tried}}}"
    [line] = mistakes(DIGITS, "training.workers=2", tuner)
    assert "search_space tries training.batch_size, which must be a multiple" in line


@pytest.mark.parametrize("file", sorted(Path("configs").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_configuration_can_be_read_again_from_what_a_run_keeps_of_it(file):
    kept = load(file).model_dump(mode="json", by_alias=True)
    assert Configuration.model_validate(kept).model_dump(mode="json", by_alias=True) == kept
