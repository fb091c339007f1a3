"""Spans of small images that arrive in a folder, and the components that read them."""

import functools
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tfx.dsl.components.base import base_beam_executor
from tfx.types import channel_utils, standard_artifacts

from components.folder_example_gen.component import FolderExampleGen
from components.folder_example_gen.contents import Driver
from components.schema_gen.inference import inferred_schema
from components.schema_gen.schema_files import write as write_schema
from components.spans.store import SpanStore
from components.statistics_gen import statistics_files
from components.statistics_gen.component import StatisticsGen
from components.transform.component import Transform
from settings.data import Features
from settings.preprocessing import Preprocessing
from settings.sources import FolderSource

SPLITS = {"train": 50, "validation": 25, "test": 25}
EACH = 30  # images of a class in a span: enough for each class to be in each split
SHADES = {"dark": 0, "light": 150}


@functools.cache
def image_of(label: str, number: int) -> bytes:
    """A PNG like no other one."""
    chance = np.random.default_rng(number)
    file = io.BytesIO()
    pixels = SHADES.get(label, 75) + chance.integers(0, 100, (6, 7, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


class Feed:
    """Data that arrives in `incoming`, and a pipeline root that reads it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._runs = 0

    def arrive(self, span: str, labels=tuple(SHADES), each=EACH) -> Path:
        """Puts a span's folder there whole; equal names have equal content."""
        first = int.from_bytes(hashlib.sha256(span.encode()).digest()[:3], "big") * 1000
        for place, label in enumerate(labels):
            inner = self.folder / "incoming" / span / label
            inner.mkdir(parents=True)
            for number in range(each):
                content = image_of(label, first + place * each + number)
                (inner / f"{number}.png").write_bytes(content)
        return self.folder / "incoming" / span

    def source(self, **keys) -> FolderSource:
        path = str(self.folder / "incoming" / "{SPAN}")
        return FolderSource.of(**{"path": path, "window": "all", "splits": SPLITS} | keys)

    def store(self, code="1", folder="root/spans") -> SpanStore:
        return SpanStore(folder=str(self.folder / folder), code=code)

    def run(self, steps=3, store=None, size=8, **keys) -> "Run":
        """Runs ExampleGen, StatisticsGen and Transform, or the first of them."""
        self._runs += 1
        store = self.store() if store is None else store
        run = Run(self.folder / "root" / str(self._runs))
        run.example_gen(self.source(**keys), store)
        if steps > 1:
            run.statistics_gen(store)
        if steps > 2:
            run.transform(store, size)
        return run


class Run:
    """The artifacts of one run."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.examples = self._artifact(standard_artifacts.Examples, "examples")
        self.statistics = self._artifact(standard_artifacts.ExampleStatistics, "statistics")
        self.transformed = self._artifact(standard_artifacts.Examples, "transformed")
        self.graph = self._artifact(standard_artifacts.TransformGraph, "graph")

    def example_gen(self, source: FolderSource, store: SpanStore) -> None:
        component = FolderExampleGen(source, Features(), span_store=store)
        properties = dict(component.exec_properties)
        properties["fingerprint"] = Driver(None).value({}, properties)
        self.examples = self._do(component, {}, properties, examples=self.examples)["examples"]

    def statistics_gen(self, store: SpanStore) -> None:
        component = StatisticsGen(
            channel_utils.as_channel([self.examples]), Features(), span_store=store
        )
        given, made = {"examples": [self.examples]}, {"statistics": self.statistics}
        self.statistics = self._do(component, given, component.exec_properties, **made)[
            "statistics"
        ]

    def transform(self, store: SpanStore, size: int) -> None:
        schema = self._artifact(standard_artifacts.Schema, "schema")
        write_schema(
            schema.uri, inferred_schema(statistics_files.read(self.statistics), Features())
        )
        component = Transform(
            channel_utils.as_channel([self.examples]),
            channel_utils.as_channel([schema]),
            preprocessing=Preprocessing(height=size, width=size),
            features=Features(),
            span_store=store,
        )
        given = {"examples": [self.examples], "schema": [schema]}
        made = {"transform_graph": self.graph, "transformed_examples": self.transformed}
        outputs = self._do(component, given, component.exec_properties, **made)
        self.transformed, self.graph = outputs["transformed_examples"], outputs["transform_graph"]

    def _do(self, component, inputs, properties, **outputs):
        context = base_beam_executor.BaseBeamExecutor.Context(tmp_dir=str(self.folder / "tmp"))
        given = {name: [artifact] for name, artifact in outputs.items()}
        component.executor_spec.executor_class(context).Do(inputs, given, dict(properties))
        return {name: artifact for name, [artifact] in given.items()}

    def _artifact(self, kind, name: str):
        artifact = kind()
        artifact.uri = str(self.folder / name)
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        return artifact

    def new(self) -> list[str]:
        """What each component says that it made, as in "span 3"; "none" of spans reused whole."""
        artifacts = (self.examples, self.statistics, self.transformed)
        said = [artifact.get_string_custom_property("summary") for artifact in artifacts]
        return [text.partition("(new: ")[2].partition(")")[0] for text in said if text]

    def bytes_of(self, name: str) -> dict[str, bytes]:
        """Every file of an artifact by its path."""
        folder = self.folder / name
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def feed(tmp_path) -> Feed:
    return Feed(tmp_path)
