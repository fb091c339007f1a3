"""What a user gets wrong ends in one clear line and the right code, nothing half-written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command_line import main

DIGITS = Path("configs/digits.yaml")
SHARD = "digits/1.0.0/digits-train.tfrecord-00000-of-00001"


def leftovers(root):
    """Folders of outputs below a root: of a component that failed there must be none."""
    return {p.parent.parent.name for p in root.glob("*/*/*") if p.name.isdigit()}


def check_failed(run, component, *expected):
    """One line says the component and the cause; the log is named; there is no traceback."""
    assert run.code == 1, run.said
    assert "Traceback" not in run.said
    [line] = run.err.splitlines()
    assert line.startswith(f"steadyfeed: {component} failed: ")
    assert f"failed: {component}: " not in line
    for text in expected:
        assert text in line, line
    log = re.search(r"log in (\S+\.log)", run.out)
    assert Path(log.group(1)).exists()


@pytest.fixture
def damaged(prepared_digits, tmp_path):
    """A copy of TFDS's folder that a test may damage."""
    return Path(shutil.copytree(prepared_digits, tmp_path / "damaged"))


# Mistakes in the configuration: tests/pipeline/test_configuration_file.py has them all; here
# they are seen to end the command with code 2 before anything is written.
@pytest.mark.parametrize(
    "override",
    [
        "training.epochs=0",
        "trainin.epochs=5",
        "model.name=resnet-9000",
        "model.parameters={filtres: [8]}",
        "evaluation.thresholds={acuracy: {min: 0.9}}",
        "validation.allow={label: [NO_SUCH_ANOMALY]}",
        "data.schema=no/such/schema.pbtxt",
        "preprocessing.height=0",
        "push.destination=''",
    ],
)
def test_a_mistake_in_the_configuration_writes_nothing(pipeline, tmp_path, override):
    run = pipeline(override)
    assert run.code == 2, run.said
    assert run.err.count("\n") == 1
    assert not (tmp_path / "root").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data.dataset=digts", "no dataset 'digts'"),
        ("data.dataset=digits:9.9.9", "no version 9.9.9"),
        ("data.dataset=digits/small", "digits has no"),
        ("data.splits.test=tset", "no split 'tset'"),
        ("data.splits.train='train[10'", "not a TFDS split expression"),
        ("data.splits.train='train[5:5]'", "selects no example"),
        ("data.dataset=mnist", "not prepared"),
    ],
)
def test_a_dataset_that_there_is_not_is_named_with_what_there_is(
    pipeline, tmp_path, override, expected
):
    check_failed(pipeline(override), "TfdsExampleGen", expected)
    assert leftovers(tmp_path / "root") == set()


@pytest.mark.slow
def test_a_truncated_file_is_named_with_the_offset(pipeline, damaged, tmp_path):
    file = damaged / SHARD
    os.truncate(file, file.stat().st_size - 7)
    run = pipeline(f"data.data_dir={damaged}")
    check_failed(run, "TfdsExampleGen", file.name, "the file ends within", "byte ")
    assert leftovers(tmp_path / "root") == set()


@pytest.mark.slow
def test_a_flipped_bit_is_named_with_the_offset(pipeline, damaged, tmp_path):
    file = damaged / SHARD
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    check_failed(pipeline(f"data.data_dir={damaged}"), "TfdsExampleGen", file.name, "byte ")
    assert leftovers(tmp_path / "root") == set()


@pytest.mark.slow
def test_an_embedded_dataset_that_lost_a_file_is_prepared_again(pipeline, damaged):
    (damaged / SHARD).unlink()
    run = pipeline(f"data.data_dir={damaged}", "data.image_feature=picture")
    # It came as far as that; before it, TFDS shows what it prepares.
    assert (run.code, "SchemaGen failed: " in run.err) == (1, True), run.said
    assert (damaged / SHARD).exists()


@pytest.fixture
def with_corrupt_images(damaged):
    """A function (how many) that puts corrupt images into a split, checksums right."""
    import tensorflow as tf

    def corrupt(count, split="train"):
        file = str(damaged / SHARD.replace("train", split))
        records = [r.numpy() for r in tf.data.TFRecordDataset(file)]
        for i in range(count):
            example = tf.train.Example.FromString(records[i])
            [png] = example.features.feature["image"].bytes_list.value
            # The same length, so that TFDS's byte counts still hold.
            example.features.feature["image"].bytes_list.value[0] = b"x" * len(png)
            records[i] = example.SerializeToString()
        with tf.io.TFRecordWriter(file) as writer:
            for record in records:
                writer.write(record)
        return f"data.data_dir={damaged}"

    return corrupt


@pytest.mark.slow
def test_a_corrupt_image_stops_the_run_when_the_configuration_says_fail(
    pipeline, with_corrupt_images, tmp_path
):
    run = pipeline(with_corrupt_images(1))
    check_failed(run, "Transform", "train", "on_corrupt_image")
    assert "Transform" not in leftovers(tmp_path / "root")


@pytest.mark.slow
def test_dropped_images_are_counted_and_shown(pipeline, with_corrupt_images):
    with_corrupt_images(1, "test")
    run = pipeline(
        with_corrupt_images(2),
        "data.splits.train='train[:500]'",
        "data.splits.test='test[:100]'",
        "preprocessing.on_corrupt_image=drop",
        "preprocessing.max_dropped=2",
        "model.parameters={filters: [16]}",
        "training.epochs=2",
        "evaluation.thresholds.accuracy.min=0.2",
    )
    assert run.code == 0, run.said
    assert "3 corrupt dropped" in run.out  # by Transform, of all splits
    assert "on 99 examples" in run.out  # of the test split, by the Evaluator
    assert "serves:" in run.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "component", "expected"),
    [
        ("data.image_feature=picture", "SchemaGen", "picture"),
        ("data.label_feature=class", "SchemaGen", "class"),
        ("training.batch_size=5000", "Trainer", "5000"),
    ],
)
def test_a_configuration_that_does_not_fit_the_data_says_where(
    after_digits, override, component, expected
):
    check_failed(after_digits(override), component, expected)


@pytest.mark.slow
def test_anomalies_stop_the_run_before_transform_and_what_only_old_runs_used_goes(
    after_digits, digits_run, tmp_path
):
    for name in ("Trainer/model", "TfdsExampleGen/examples"):
        [made] = (digits_run.root / name).iterdir()
        (tmp_path / "root" / name / made.name).mkdir(parents=True)
    schema = tmp_path / "schema.pbtxt"
    schema.write_text(
        'feature { name: "image" type: BYTES image_domain {} presence { min_fraction: 1 } }\n'
        'feature { name: "label" type: INT int_domain { min: 0 max: 4 } }\n'
    )
    run = after_digits(f"data.schema={schema}", "keep_runs=1")
    check_failed(run, "ValidationGate", "label")
    assert "removed  1 folder of old runs" in run.out
    begun = {"TfdsExampleGen", "Transform", "Trainer"}
    assert leftovers(tmp_path / "root") & begun == {"TfdsExampleGen"}  # which the run has read


@pytest.mark.slow
def test_a_destination_that_cannot_be_written_keeps_the_model(after_digits, tmp_path):
    (tmp_path / "file").touch()
    destination = f"push.destination={tmp_path / 'file' / 'pushed'}"
    small = ("model.parameters={filters: [16]}", "evaluation.thresholds.accuracy.min=0.3")
    run = after_digits(destination, *small, "training.epochs=2", "serving.check=false")
    assert run.code == 1, run.said
    assert "failed: " in run.err
    assert str(tmp_path / "file") in run.err
    assert "Trainer" in leftovers(tmp_path / "root")


def test_a_root_that_is_a_file_is_refused(pipeline, tmp_path):
    (tmp_path / "root").touch()
    run = pipeline()
    assert run.code == 1
    assert run.err.count("\n") == 1
    assert str(tmp_path / "root") in run.err
    assert "--set root=" in run.err


def test_a_root_in_use_names_its_holder(pipeline, tmp_path):
    code = (
        "import sys, time\n"
        "from pipeline.root_lock import hold\n"
        "with hold(sys.argv[1]):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "root")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        run = pipeline()
        holder.kill()
    assert run.code == 1
    assert f"in use by process {holder.pid} " in run.err
    assert run.err.count("\n") == 1


def test_an_unknown_verb_lists_the_verbs(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["rnu"])
    assert stopped.value.code == 2
    assert "run" in capsys.readouterr().err


@pytest.fixture(params=["200k", "1m", "2m", "3m"])
def small_disk(tmp_path, request):
    """A file system of a few bytes. Mounting one takes root; elsewhere the case is left out."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line_and_freed_again(pipeline, small_disk):
    run = pipeline(f"root={small_disk / 'root'}", "training.epochs=2")
    assert run.code == 1, run.said
    assert "Traceback" not in run.said
    assert run.err.count("\n") == 1, run.err
    assert "cannot be written: " in run.err
    assert re.search(r"Free (some )?space", run.err), run.err
