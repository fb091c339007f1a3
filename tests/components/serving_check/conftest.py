"""A folder in which models are made, checked and pushed."""

import base64
import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.pusher.component import Pusher_Executor as Pusher
from components.serving_check.component import ServingCheck
from components.trainer.expected_answers import write_answers
from tests.components.serving_check.small_models import (
    LABELS,
    SIDE,
    THRESHOLDS,
    encoded,
    example,
    probabilities_of,
    save_model,
)

PREPROCESSING = {"height": 8, "width": 8, "channels": 1}  # The models have a size of their own.


class Room:
    """A folder with Examples, and the check of one model after the other in it."""

    def __init__(self, folder, pictures, saved):
        self.folder, self.pictures, self.saved = folder, pictures, saved
        split = folder / "examples" / "Split-test"
        split.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(split / "data-00000-of-00001")) as writer:
            for picture in pictures:
                writer.write(example(encoded(picture)))

    def artifact(self, kind, name):
        made = kind()
        made.uri = str(self.folder / name)
        (self.folder / name).mkdir(exist_ok=True, parents=True)
        return made

    def model(self, name="model", task="classification", **faults):
        made = self.artifact(standard_artifacts.Model, name)
        self.saved(save_model, self.folder / name / "Format-Serving", task, **faults)
        answers = probabilities_of(self.pictures, task).numpy()
        pixels = [picture.tobytes() for picture in self.pictures]
        file = self.folder / name / "expected_answers.json"
        if task != "segmentation":
            chosen = THRESHOLDS if task == "multi_label" else None
            write_answers(str(file), LABELS, pixels, answers, task, chosen)
        else:
            texts = [base64.b64encode(answer.tobytes()).decode() for answer in answers]
            names = [hashlib.sha256(one).hexdigest() for one in pixels]
            reported = {
                "task": task,
                "labels": LABELS,
                "answers": dict(zip(names, texts, strict=True)),
            }
            file.write_text(json.dumps(reported))
        return made

    def transformed(self):
        """What Transform makes of the pictures, as the split "train"."""
        made = self.artifact(standard_artifacts.Examples, "transformed")
        made.split_names = artifact_utils.encode_split_names(["train"])
        split = self.folder / "transformed" / "Split-train"
        split.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(split / "data-00000-of-00001")) as writer:
            for picture in self.pictures:
                writer.write(example(picture.tobytes()))
        return made

    def check(self, model, champion=None, transformed=None, **config):
        """(summary of the check, summary of the push, whether it was pushed)."""
        examples = self.artifact(standard_artifacts.Examples, "examples")
        examples.split_names = artifact_utils.encode_split_names(["test"])
        infra = self.artifact(standard_artifacts.InfraBlessing, "infra")
        champion = champion or self.artifact(standard_artifacts.Model, "no champion")
        artifacts = {"examples": examples, "model": model, "champion": champion}
        artifacts |= {"transformed_examples": transformed} if transformed else {}
        made = ServingCheck(
            **{name: channel_utils.as_channel([given]) for name, given in artifacts.items()},
            **PREPROCESSING | config,
        )
        made.executor_spec.executor_class().Do(
            {name: [given] for name, given in artifacts.items()},
            {"infra_blessing": [infra]},
            made.exec_properties,
        )
        blessing = self.artifact(standard_artifacts.ModelBlessing, "blessing")
        (self.folder / "blessing" / "BLESSED").touch()
        pushed = self.artifact(standard_artifacts.PushedModel, "push")
        Pusher().Do(
            {"model": [model], "blessing": [blessing], "infra_blessing": [infra]},
            {"pushed_model": [pushed]},
            {"push_destination": str(self.folder / "pushed")},
        )
        return (
            infra.get_string_custom_property("summary"),
            pushed.get_string_custom_property("summary"),
            (self.folder / "pushed").exists(),
        )


@pytest.fixture(scope="session")
def pictures():
    return np.random.default_rng(5).integers(0, 256, (6, SIDE, SIDE), np.uint8)


@pytest.fixture
def room(tmp_path, pictures, saved):
    return Room(tmp_path, pictures, saved)
