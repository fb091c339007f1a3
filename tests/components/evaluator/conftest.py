"""Builds the artifacts that an Evaluator reads and runs its executor on them."""

import json
from types import SimpleNamespace

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.evaluator.component import Evaluator
from tests.components.evaluator.brightness_model import (
    LEVELS,
    example,
    save_brightness_model,
)

CRITERIA = {"thresholds": {"accuracy": {"min": 0.7}}, "change": {"accuracy": {"max_drop": 0.01}}}
PREPROCESSING = {"height": 8, "width": 8}


class Workshop:
    """Artifacts below one folder."""

    def __init__(self, folder, saved):
        self.folder, self.saved = folder, saved

    def artifact(self, kind, name):
        made = kind()
        made.uri = str(self.folder / name)
        (self.folder / name).mkdir(exist_ok=True)
        return made

    def model(self, name, names, save=save_brightness_model, **options):
        made = self.artifact(standard_artifacts.Model, name)
        self.saved(save, self.folder / name / "Format-Serving", names, **options)
        return made

    def champion(self, names, **options):
        made = self.model("champion", names, **options)
        note = {"found": True, "version": 3, "version_path": "/pushed/3"}
        (self.folder / "champion" / "champion.json").write_text(json.dumps(note))
        return made

    def examples(self, *shards, split="test"):
        made = self.artifact(standard_artifacts.Examples, "examples")
        made.split_names = artifact_utils.encode_split_names([split])
        place = self.folder / "examples" / f"Split-{split}"
        place.mkdir()
        for number, records in enumerate(shards):
            file = place / f"data_tfrecord-{number:05d}-of-{len(shards):05d}"
            with tf.io.TFRecordWriter(str(file)) as writer:
                for record in records:
                    writer.write(record)
        return made

    def schema(self, label_type):
        made = self.artifact(standard_artifacts.Schema, "schema")
        features = {"image": "BYTES", "label": label_type}
        text = "".join(f'feature {{ name: "{n}" type: {t} }}' for n, t in features.items())
        (self.folder / "schema" / "schema.pbtxt").write_text(text)
        return made

    def evaluate(self, examples, model, champion=None, label_type="BYTES", beam_args=(), **keys):
        artifacts = {
            "examples": examples,
            "model": model,
            "champion": champion or self.artifact(standard_artifacts.Model, "no champion"),
            "schema": self.schema(label_type),
        }
        channels = {n: channel_utils.as_channel([given]) for n, given in artifacts.items()}
        component = Evaluator(**channels, **{"batch_size": 4} | CRITERIA | PREPROCESSING | keys)
        kinds = {
            "evaluation": standard_artifacts.ModelEvaluation,
            "blessing": standard_artifacts.ModelBlessing,
        }
        outputs = {name: [self.artifact(kind, name)] for name, kind in kinds.items()}
        executor = component.executor_spec.executor_class
        context = executor.Context(beam_pipeline_args=list(beam_args), tmp_dir=str(self.folder))
        inputs = {name: [given] for name, given in artifacts.items()}
        executor(context).Do(inputs, outputs, component.exec_properties)
        [evaluation], [blessing] = outputs.values()
        return SimpleNamespace(
            uri=evaluation.uri,
            summary=evaluation.get_string_custom_property("summary"),
            number=evaluation.get_float_custom_property,
            blessed=blessing.get_int_custom_property("blessed"),
            verdict=blessing.get_string_custom_property("summary"),
            files={path.name for path in (self.folder / "blessing").iterdir()},
        )


@pytest.fixture
def workshop(tmp_path, saved):
    return Workshop(tmp_path, saved)


PETS = ("cat", "dog", "owl")


@pytest.fixture
def pets():
    """Four cats, four dogs and two owls, right for a model of PETS."""
    labels = [b"cat"] * 4 + [b"dog"] * 4 + [b"owl"] * 2
    return [example(label, LEVELS * PETS.index(label.decode())) for label in labels]
