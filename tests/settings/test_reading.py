"""A mistake in a configuration is one line: where, what was given, what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

from settings.configuration import Configuration
from settings.reading import load
from tests.settings.digits_mistakes import DIGITS, TUNER, mistakes


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
        (f"training.class_weights={{a: {10**400}}}", "…; allowed: balanced, or class names, each"),
        ("training.class_weights={no: 5, yes: 1}", "false is not text; allowed: class names in qu"),
        ("training.class_weights={a: 1, 010: 2}", "8 is not text; allowed: class names in quotes"),
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
        (
            "training={epochs: 3, warmup_epochs: 3.5}",
            "training.warmup_epochs: given 3.5; allowed: at most training.epochs, 3",
        ),
        ("training.warmup_epochs=-1", "given -1; allowed: a number, 0 to 100,000"),
        ("training.epochs=null", "training.epochs: given null; allowed: a whole number"),
        ("training.epochs=[null, no]", "training.epochs: given [null, false]; allowed: a whole"),
        ("preprocessing.channels=2", "given 2; allowed: 1 or 3"),
        ("preprocessing.height=true", "given true; allowed: a whole number, 8 to 4,096"),
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
        ("data.mask_classes={off: 1}", "data.mask_classes: given the key false; allowed: text, in"),
        ("evaluation.thresholds={1: {min: 1}}", "evaluation.thresholds: given the key 1; allowed"),
        ("training={3: 1}", "training: given the key 3; allowed: text, in quotes where YAML takes"),
    ],
)
def test_a_bad_value_names_key_value_and_what_is_allowed(override, expected):
    [line] = mistakes(DIGITS, override)
    assert expected in line
    assert line.startswith("--set: ")


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


def test_a_section_may_merge_one_that_merges_another_and_overrides_it(tmp_path):
    steps = """
kubeflow:
  steps:
    Tuner: {<<: &more {<<: &some {cpu: "1", memory: 1Gi}, cpu: "2"}, memory: 2Gi}
    Trainer: *more
    Evaluator: {<<: [*more, *some]}
"""
    file = tmp_path / "mine.yaml"
    file.write_text(DIGITS.read_text() + steps)
    found = load(file).kubeflow.steps
    names = "Tuner", "Trainer", "Evaluator"
    assert [found[name].cpu for name in names] == ["2", "2", "2"]
    assert [found[name].memory for name in names] == ["2Gi", "1Gi", "1Gi"]

    file.write_text(file.read_text().replace("memory: 1Gi}", "cpu: '3'}"))
    [line] = mistakes(file)
    assert "'cpu' is given twice" in line


def test_a_missing_file_names_those_there_are():
    [line] = mistakes("configs/digit.yaml")
    assert line.startswith("configs/digit.yaml: no such configuration file; there are ")
    assert "configs/digits.yaml" in line


@pytest.mark.slow
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


def test_a_number_in_scientific_notation_needs_neither_a_point_nor_a_sign(tmp_path):
    file = changed(tmp_path, "learning_rate: 0.004", "learning_rate: 2e-3")
    assert load(file).training.learning_rate == 0.002
    assert load(DIGITS, ["training.learning_rate=1e-4"]).training.learning_rate == 0.0001
    space = "tuner.search_space={training.learning_rate: {choices: [1e-3, 5E-4, 1.5e+0]}}"
    tried = load(DIGITS, [*TUNER, space]).tuner.search_space["training.learning_rate"]
    assert tried.choices == [0.001, 0.0005, 1.5]
    for written, number in {"1.5e1": 15.0, ".5E1": 5.0, "2.e-1": 0.2, "+1.5e0": 1.5}.items():
        override = f"training.gradient_clip_norm={written}"
        assert load(DIGITS, [override]).training.gradient_clip_norm == number
    assert load(DIGITS, ["name=1e3-digits"]).name == "1e3-digits"


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


@pytest.mark.parametrize("word", ["on", "off", "auto", '"on"'])
def test_xla_is_on_and_off_without_quotes(word):
    assert load(DIGITS, [f"training.xla={word}"]).training.xla == word.strip('"')


def test_overrides_win_over_the_file():
    assert (
        load(DIGITS, ["training.epochs=3", "data.splits.train='train[:50%]'"]).training.epochs == 3
    )


def test_an_override_changes_no_other_section_that_an_alias_makes_alike(tmp_path):
    file = tmp_path / "alike.yaml"
    steps = "steps: {Trainer: &big {gpu: 1}, Tuner: *big}"
    file.write_text(Path("configs/digits.yaml").read_text() + f"kubeflow: {{{steps}}}\n")
    steps = load(str(file), ["kubeflow.steps.Trainer.gpu=4"]).kubeflow.steps
    assert (steps["Trainer"].gpu, steps["Tuner"].gpu) == (4, 1)


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


def test_colour_changes_of_grey_images_are_refused():
    [line] = mistakes(DIGITS, "augmentation.hue=0.1")
    assert line.startswith("configs/digits.yaml: augmentation:")
    assert "preprocessing.channels 1" in line


def test_what_does_not_fit_says_that_the_recipe_gave_it():
    [line] = mistakes(DIGITS, "training.recipe=segmentation")
    assert "training.monitor: mean_iou (of recipe segmentation) is not of classification" in line


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
