"""Small real data for Trainer: handwritten digits that went through Transform's executor."""

import dataclasses
import functools
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from sklearn.datasets import load_digits
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils

from components.examples.reading import CLASS_NAMES
from components.serving_check import exports
from components.trainer import devices
from components.trainer.checkpoints import Checkpoints
from components.trainer.component import Trainer_Executor
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.trainer.mixing import Mixer
from components.trainer.model import build_model
from components.trainer.preparation import prepare
from components.trainer.training_log import TrainingLog
from components.transform.executor import execute as transform
from settings.augmentation import Augmentation
from settings.data import Features
from settings.model import Model
from settings.preprocessing import Preprocessing
from settings.serving import Serving
from settings.training import Training
from tests import tensorflow_records
from tests.own_code.user_package import kit  # noqa: F401

SIDE = 12
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPLITS = {"train": range(240), "validation": range(240, 320), "test": range(320, 420)}
TRAINING = {"batch_size": 16, "epochs": 3, "learning_rate": 0.01}
MODEL = {"name": "small_cnn", "parameters": {"filters": [8, 16]}}
# For tests to which the network does not matter: half as much to trace, compile and save.
LINEAR = {"name": "small_cnn", "parameters": {"filters": []}}
ONE_BLOCK = {"name": "small_cnn", "parameters": {"filters": [8]}}


def encoded(picture: np.ndarray, image_format: str = "PNG") -> bytes:
    """An (8, 8) picture of 0..16 as an encoded grey image."""
    file = io.BytesIO()
    grey = Image.fromarray((picture * (255 / 16)).astype(np.uint8))
    grey.save(file, image_format, **({"quality": 100} if image_format == "JPEG" else {}))
    return file.getvalue()


def raw_example(image: bytes, label: int | None = None) -> bytes:
    example = tf.train.Example()
    example.features.feature["image"].bytes_list.value.append(image)
    if label is not None:
        example.features.feature["label"].int64_list.value.append(label)
    return example.SerializeToString()


def transformed_example(pixels: bytes, label: int) -> bytes:
    example = tf.train.Example()
    example.features.feature["image"].bytes_list.value.append(pixels)
    example.features.feature["label"].int64_list.value.append(label)
    return example.SerializeToString()


def write_shards(folder: Path, records: list[bytes], shards: int = 2) -> None:
    folder.mkdir(parents=True)
    for i in range(shards):
        path = str(folder / f"data-{i:05d}-of-{shards:05d}")
        with tf.io.TFRecordWriter(path) as writer:
            for record in records[i::shards]:
                writer.write(record)


def read_records(folder: Path) -> list[bytes]:
    return tensorflow_records.records(*sorted(folder.iterdir()))


def artifact(kind, uri: Path, splits=None):
    made = kind()
    made.uri = str(uri)
    if splits is not None:
        made.split_names = artifact_utils.encode_split_names(list(splits))
    return made


@dataclasses.dataclass
class Digits:
    """What comes before Trainer, as artifacts below one folder."""

    folder: Path
    names = NAMES

    @property
    def pictures(self) -> np.ndarray:
        return load_digits().images

    @property
    def labels(self) -> np.ndarray:
        return load_digits().target

    @property
    def inputs(self) -> dict:
        return {
            "transformed_examples": [
                artifact(standard_artifacts.Examples, self.folder / "transformed", SPLITS)
            ],
            "transform_graph": [
                artifact(standard_artifacts.TransformGraph, self.folder / "transform_graph")
            ],
            "schema": [artifact(standard_artifacts.Schema, self.folder / "schema")],
        }

    def records(self, split: str) -> list[bytes]:
        return read_records(self.folder / "raw" / f"Split-{split}")

    def transformed(self, split: str) -> list[tuple[bytes, int]]:
        found = []
        for record in read_records(self.folder / "transformed" / f"Split-{split}"):
            features = tf.train.Example.FromString(record).features.feature
            found.append(
                (features["image"].bytes_list.value[0], features["label"].int64_list.value[0])
            )
        return found

    def transformed_examples(self, folder: Path, **splits: list[bytes]):
        """Other transformed Examples than the digits, for the same transform graph."""
        for split, records in splits.items():
            write_shards(folder / f"Split-{split}", records)
        return artifact(standard_artifacts.Examples, folder, splits)


def exec_properties(
    checkpoint_dir=None,
    model=None,
    image=None,
    features=None,
    augmentation=None,
    seed=3,
    **training,
) -> dict:
    image = {"height": SIDE, "width": SIDE, "channels": 1} | (image or {})
    sections = {
        "features": Features.of(**features or {}),
        "preprocessing": Preprocessing.of(**image),
        "network": Model.of(**model or MODEL),
        "augmentation": Augmentation.of(**augmentation or {}),
        "training": Training.of(**TRAINING | training),
    }
    properties = {name: section.model_dump_json() for name, section in sections.items()}
    return properties | {"seed": seed, "checkpoint_dir": checkpoint_dir and str(checkpoint_dir)}


load_once = functools.cache(tf.saved_model.load)


@dataclasses.dataclass
class Run:
    """What one execution of Trainer left."""

    model: standard_artifacts.Model
    model_run: standard_artifacts.ModelRun

    @property
    def history(self) -> dict:
        return json.loads(Path(self.model_run.uri, "history.json").read_text())

    @property
    def metrics(self) -> list[tuple[float, ...]]:
        """Of every epoch: loss and accuracy, of training and validation."""
        names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
        return [tuple(epoch[name] for name in names) for epoch in self.history["epochs"]]

    @property
    def serving_folder(self) -> Path:
        return Path(self.model.uri, "Format-Serving")

    def load(self):
        return load_once(str(self.serving_folder))

    def weights(self) -> list[np.ndarray]:
        reader = tf.train.load_checkpoint(str(self.serving_folder / "variables" / "variables"))
        names = sorted(name for name in reader.get_variable_to_shape_map() if "VALUE" in name)
        return [reader.get_tensor(name) for name in names]


def train(inputs: dict, folder: Path, **properties) -> Run:
    """Runs the executor with outputs below `folder`; an input report is made if asked for."""
    properties = {"input_report": {"enabled": False}} | properties
    run = Run(
        artifact(standard_artifacts.Model, folder / "model"),
        artifact(standard_artifacts.ModelRun, folder / "model_run"),
    )
    outputs = {"model": [run.model], "model_run": [run.model_run]}
    Trainer_Executor().Do(inputs, outputs, exec_properties(**properties))
    return run


@pytest.fixture(scope="session")
def digits(made_once) -> Digits:
    return Digits(made_once("digits-to-train-on", transform_digits))


def transform_digits(folder: Path) -> None:
    made = Digits(folder)
    pictures, labels = made.pictures, made.labels.tolist()
    for split, rows in SPLITS.items():
        records = [raw_example(encoded(pictures[row]), labels[row]) for row in rows]
        write_shards(made.folder / "raw" / f"Split-{split}", records)
    raw = artifact(standard_artifacts.Examples, made.folder / "raw", SPLITS)
    (made.folder / "raw" / CLASS_NAMES).write_text(json.dumps({"label": NAMES}))
    schema = schema_pb2.Schema()
    schema.feature.add(name="image", type=schema_pb2.BYTES)
    schema.feature.add(name="label", type=schema_pb2.INT)
    (made.folder / "schema").mkdir()
    (made.folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    transform(
        raw,
        *made.inputs["schema"],
        Preprocessing.of(height=SIDE, width=SIDE, channels=1),
        Features(),
        *made.inputs["transform_graph"],
        *made.inputs["transformed_examples"],
    )


@pytest.fixture(scope="session")
def trained(digits, made_once) -> Run:
    """One undisturbed training, for every test that only looks at its outcome."""

    def make(folder):
        # What a training leaves that is killed while it writes its model.
        unfinished = folder / "model" / "Format-Serving.unfinished"
        unfinished.mkdir(parents=True)
        (unfinished / "saved_model.pb").write_bytes(b"half")
        checkpoints = folder / "checkpoints"
        abandoned = checkpoints / ("0" * 64) / "checkpoint"  # of one that was killed long ago
        abandoned.parent.mkdir(parents=True)
        abandoned.touch()
        for path in (abandoned, abandoned.parent):
            os.utime(path, (0, 0))
        run = train(digits.inputs, folder, checkpoint_dir=checkpoints, input_report={})
        (folder / "run.json").write_text(json_utils.dumps([run.model, run.model_run]))

    return Run(*json_utils.loads((made_once("trained", make) / "run.json").read_text()))


@pytest.fixture(scope="session")
def losses_in_fours(digits, made_once) -> list[float]:
    """Of two epochs in batches of four images, which last for a while, in one process."""

    def make(folder):
        train(digits.inputs, folder, model=LINEAR, batch_size=4, epochs=2)

    history = made_once("trained-in-fours", make) / "model_run" / "history.json"
    return [epoch["loss"] for epoch in json.loads(history.read_text())["epochs"]]


@pytest.fixture
def train_in(digits, tmp_path):
    """Trains on the digits, with other parameters, below a folder of the test's own."""

    def training(name: str, inputs: dict | None = None, **properties) -> Run:
        return train(inputs or digits.inputs, tmp_path / name, **properties)

    return training


@pytest.fixture(scope="session")
def train_digits(digits):
    """Trains without the executor: with checkpoints of the test's own and no export."""

    def training(
        checkpoints: Checkpoints,
        log_folder: Path,
        chosen=None,
        strategy="auto",
        service=None,
        augmenter=None,
        model=ONE_BLOCK,
        input_report=None,
        **keys,
    ):
        devices.prepare(3, deterministic=False)
        section = Training.of(**TRAINING | keys)
        batches = functools.partial(
            input_function,
            image_shape=(SIDE, SIDE, 1),
            batch_size=section.batch_size,
        )
        balanced = section.sampling == "balanced"
        options = FeedOptions(seed=3, strategy=strategy, balanced=balanced, service=service)
        files = {
            split: sorted(map(str, (digits.folder / "transformed" / f"Split-{split}").iterdir()))
            for split in SPLITS
        }
        network = Model.of(**model)
        return prepare(
            section,
            build_model=lambda: build_model(network, (SIDE, SIDE, 1), 10, [70.0], [80.0]),
            training_input=functools.partial(batches, files["train"], training=True),
            options=options,
            validation=batches(files["validation"], training=False, options=options),
            checkpoints=checkpoints,
            log=TrainingLog(str(log_folder)),
            devices=chosen,
            augmenter=augmenter,
            mixer=Mixer(section, 3) if section.mixes else None,
            input_report=input_report,
        ).run()

    return training


@pytest.fixture(scope="session")
def encode():
    return encoded


@pytest.fixture(scope="session")
def raw():
    return raw_example


@pytest.fixture(scope="session")
def transformed_record():
    return transformed_example


@pytest.fixture(scope="session")
def make_artifact():
    return artifact


@pytest.fixture(scope="session")
def write_in_shards():
    return write_shards


@pytest.fixture(scope="session")
def read_shards():
    return read_records


@pytest.fixture(scope="session")
def train_once():
    return train


@pytest.fixture(scope="session")
def make_properties():
    return exec_properties


@pytest.fixture(scope="session")
def as_tflite():
    """A function (run, records, transformed Examples): its TFLite files, and what is wrong."""

    def converted(run: Run, records: list[bytes], examples):
        signatures, asked = run.load().signatures, tf.constant(records)
        answers = {
            name: {"all": {key: value.numpy() for key, value in given(examples=asked).items()}}
            for name, given in (
                ("transform_features", signatures["transform_features"]),
                ("serving_default", signatures["serve_examples"]),
            )
        }
        serving = Serving(export=["tflite_float16", "tflite_int8"])
        pixels = exports.training_pixels(examples, serving.export_images)
        folder = str(run.serving_folder)
        return exports.export(folder, serving, {"": {"answers": answers}}, pixels)

    return converted
