"""TFRecords of small images as others write them, and the executor behind one call."""

import gzip
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.tfrecords_example_gen.component import TfrecordsExampleGen_Executor
from files import tfrecords
from settings.data import Features
from settings.tfrecords_source import TfrecordsSource
from tests.components.source_images import CLASSES, mask_bytes


def record_of(**values) -> bytes:
    """A serialized Example; each value one bytes, text, int or float, or a list of them."""
    example = tf.train.Example()
    for name, value in values.items():
        listed = value if isinstance(value, list) else [value]
        listed = [one.encode() if isinstance(one, str) else one for one in listed]
        feature = example.features.feature[name]
        kinds = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}
        if listed:
            kinds[type(listed[0])].value.extend(listed)
    return example.SerializeToString()


def write(path: Path, records) -> Path:
    """Writes a TFRecord file, gzipped where its name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join(map(tfrecords.frame, records))
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(scope="session")
def many_records(many_images) -> list[bytes]:
    """With image, label, number (the same class as a whole number), mask, and two more."""
    return [
        record_of(
            image=content,
            label=CLASSES[number % 2],
            number=number % 2,
            mask=mask_bytes(number),
            sizes=[0.5 * number, 1.0],
            source="camera",
        )
        for number, content in enumerate(many_images)
    ]


@pytest.fixture
def folder(tmp_path, many_records) -> Path:
    """`records/train.tfrecord` of 80, and of 20 each `val.tfrecord.gz` and `test.tfrecord`."""
    path = tmp_path / "records"
    write(path / "train.tfrecord", many_records[:80])
    write(path / "val.tfrecord.gz", many_records[80:100])
    write(path / "test.tfrecord", many_records[100:])
    return path


@pytest.fixture
def ingest(tmp_path):
    """Runs the executor: `ingest(path, **keys of the source)` returns the artifact."""

    def run(path, beam_pipeline_args=(), fingerprint="", features=None, **keys):
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        context = TfrecordsExampleGen_Executor.Context(beam_pipeline_args=list(beam_pipeline_args))
        properties = {
            "source": TfrecordsSource.of(path=str(path), **keys).model_dump_json(),
            "features": Features.of(**features or {}).model_dump_json(),
            "fingerprint": fingerprint,
        }
        TfrecordsExampleGen_Executor(context).Do({}, {"examples": [examples]}, properties)
        return examples

    return run
