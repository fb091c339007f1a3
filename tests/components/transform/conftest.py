"""Small real data for Transform: encoded images, Examples artifacts and a run of the executor."""

import io
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from PIL import Image
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.engine import engine_of
from components.examples.reading import CLASS_NAMES
from components.transform.executor import execute
from files import writing
from settings.data import Features
from settings.preprocessing import Preprocessing
from tests import tensorflow_records


def preprocessing(height: int, width: int, channels: int = 3, **keys) -> Preprocessing:
    """Of any size: small pictures show more than the configuration allows."""
    return Preprocessing.model_construct(height=height, width=width, channels=channels, **keys)


def picture(height=20, width=30, channels=3, seed=0) -> np.ndarray:
    """A smooth picture with noise: (height, width, channels) uint8, or (height, width) if grey."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(seed).integers(0, 60, (height, width, channels))
    smooth = (rows * 120 / max(height, 1) + columns * 60 / max(width, 1))[..., None]
    pixels = (smooth + noise).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def encode(pixels: np.ndarray, image_format="PNG", mode=None, **options) -> bytes:
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, image_format, **options)
    return file.getvalue()


def example(image: bytes | None, label: int | str | float | None = None) -> bytes:
    """A serialized raw tf.train.Example; what is None is absent."""
    made = tf.train.Example()
    features = made.features.feature
    if image is not None:
        features["image"].bytes_list.value.append(image)
    if isinstance(label, int):
        features["label"].int64_list.value.append(label)
    elif isinstance(label, str):
        features["label"].bytes_list.value.append(label.encode())
    elif isinstance(label, float):
        features["label"].float_list.value.append(label)
    return made.SerializeToString()


def write_records(path: Path, records: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@dataclass
class Transformed:
    """The artifacts of one run."""

    graph: standard_artifacts.TransformGraph
    examples: standard_artifacts.Examples

    @property
    def output(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(self.graph.uri)

    @property
    def pixel_statistics(self) -> dict:
        return json.loads(Path(self.graph.uri, "pixel_statistics.json").read_text())

    @property
    def labels(self) -> list[str]:
        return [label.decode() for label in self.output.vocabulary_by_name("labels")]

    def property(self, name: str):
        value = self.examples.get_string_custom_property(name)
        return value if name == "summary" else json.loads(value)

    def split(self, name: str) -> list[tuple[bytes, int]]:
        """Every (image bytes, label) of a split, in the order of files and records."""
        found = []
        for path in sorted(Path(self.examples.uri, f"Split-{name}").iterdir()):
            for record in tensorflow_records.records(path):
                features = tf.train.Example.FromString(record).features.feature
                (image,) = features["image"].bytes_list.value
                (label,) = features["label"].int64_list.value
                found.append((image, label))
        return found


@dataclass
class Workplace:
    """Makes raw Examples in a folder and runs the executor on them, into `to` below it or a URI."""

    folder: Path

    def raw(self, splits: dict[str, list[bytes]], files=2, class_names=None):
        artifact = standard_artifacts.Examples()
        artifact.uri = str(self.folder / "raw")
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        if class_names is not None:
            Path(artifact.uri).mkdir(exist_ok=True)
            Path(artifact.uri, CLASS_NAMES).write_text(json.dumps({"label": class_names}))
        for split, records in splits.items():
            for i in range(files):
                name = f"Split-{split}/data_tfrecord-{i:05d}-of-{files:05d}"
                write_records(self.folder / "raw" / name, records[i::files])
        return artifact

    def schema(self, **types: str):
        schema = standard_artifacts.Schema()
        schema.uri = str(self.folder / "schema")
        made = schema_pb2.Schema()
        for name, kind in types.items():
            made.feature.add(name=name, type=schema_pb2.FeatureType.Value(kind))
        Path(schema.uri).mkdir(parents=True, exist_ok=True)
        Path(schema.uri, "schema.pbtxt").write_text(text_format.MessageToString(made))
        return schema

    def run(
        self,
        examples,
        label_type="INT",
        beam_pipeline_args=(),
        schema=None,
        to="out",
        max_overlap=1.0,
        **options,
    ) -> Transformed:
        graph = standard_artifacts.TransformGraph()
        graph.uri = os.path.join(self.folder, to, "transform_graph")
        transformed = standard_artifacts.Examples()
        transformed.uri = os.path.join(self.folder, to, "transformed_examples")
        for artifact in (graph, transformed):
            writing.make_folder(artifact.uri)
        asked = {"height": 8, "width": 9, "channels": 1, "antialias": False} | options
        features = {name: asked.pop(name) for name in Features.model_fields if name in asked}
        execute(
            examples,
            schema or self.schema(image="BYTES", label=label_type),
            Preprocessing.of(**asked),
            Features.of(**features),
            graph,
            transformed,
            engine_of("Transform", beam_pipeline_args),
            max_overlap=max_overlap,
        )
        return Transformed(graph, transformed)


def raw_examples(count, seed, labels=(2, 10, 7), channels=1, image_format="PNG"):
    """Pictures of many sizes: serialized examples, labels in turn."""
    sizes = random.Random(seed)
    records = []
    for i in range(count):
        pixels = picture(sizes.randint(5, 30), sizes.randint(5, 30), channels, seed + i)
        encoded = encode(pixels, image_format)
        records.append(example(encoded, labels[i % len(labels)]))
    return records


def serve(transformed, records, label_type=tf.int64):
    """Images and labels as a model's signature makes them with the graph's own layer."""
    layer = transformed.output.transform_features_layer()
    spec = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], label_type),
    }
    outputs = layer(tf.io.parse_example(tf.constant(records), spec))
    return list(zip(outputs["image"].numpy(), outputs["label"].numpy(), strict=True))


@pytest.fixture(scope="session")
def make():
    """The functions `picture`, `encode`, `example` and `write_records`."""
    return SimpleNamespace(
        picture=picture, encode=encode, example=example, write_records=write_records
    )


@pytest.fixture
def workplace(tmp_path):
    return Workplace(tmp_path)


@pytest.fixture(scope="module")
def module_workplace(tmp_path_factory):
    return Workplace(tmp_path_factory.mktemp("transform"))
