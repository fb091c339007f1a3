"""librdkafka's own Kafka cluster within the test's process, and what ingests made of a topic."""

import base64
import io
import json
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Producer
from PIL import Image

from components.examples.reading import example_message
from files import tfrecords

QUIET = logging.Logger("librdkafka of the tests")
QUIET.addHandler(logging.NullHandler())
PARTITIONS = 4  # of a topic of the mock cluster


class MockCluster:
    """Brokers that keep 5 MiB of each partition, and drop what is older."""

    def __init__(self):
        self.producer = Producer(
            {"test.mock.num.brokers": 1, "queue.buffering.max.messages": 1_000_000}, logger=QUIET
        )
        found = self.producer.list_topics(timeout=10).brokers.values()
        self.brokers = [f"{broker.host}:{broker.port}" for broker in found]

    def send(self, topic: str, messages: Iterable[tuple[int, bytes | None, bytes | None]]) -> None:
        """Sends (partition, value, class or None) each."""
        send(self.producer, topic, messages)


def send(producer: Producer, topic: str, messages) -> None:
    for partition, value, label in messages:
        headers = [] if label is None else [("label", label)]
        while True:
            try:
                producer.produce(topic, value, partition=partition, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def image(number: int) -> bytes:
    """A PNG that differs from those of other numbers."""
    colour = tuple(number >> shift & 255 for shift in (16, 8, 0))
    file = io.BytesIO()
    Image.new("RGB", (2, 2), colour).save(file, "PNG")
    return file.getvalue()


def configuration(folder: Path, brokers: list[str], topic: str, **keys: Any) -> Path:
    """Writes a configuration whose spans are below the folder; its path."""
    path = folder / "digits.yaml"
    ingest = {"brokers": brokers, "topic": topic, "timeout_seconds": 10, **keys}
    content = {
        "name": "digits",
        "root": f"{folder}/root",
        "data": {"source": "tfrecords", "path": f"{folder}/incoming/span-{{SPAN}}"},
        "ingest": ingest,
        "preprocessing": {"height": 32, "width": 32},
        "model": {"name": "small_cnn"},
        "push": {"destination": f"{folder}/pushed"},
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def manifests(folder: Path) -> list[dict]:
    """Those of the spans below the folder, in their order."""
    found = [path for path in (folder / "incoming").glob("span-*") if path.suffix == ""]
    spans = sorted(found, key=lambda path: int(path.name.removeprefix("span-")))
    return [json.loads((span / "manifest.json").read_text()) for span in spans]


def dead_letters(folder: Path) -> list[dict]:
    files = sorted((folder / "incoming").glob("span-*/dead-letters.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def ingested(folder: Path) -> Counter:
    """How often each value is in the spans, as an example or as a dead letter."""
    values = Counter()
    for file in (folder / "incoming").glob("span-*/*.tfrecord"):
        for record in tfrecords.records(file):
            features = example_message().FromString(record).features.feature
            values[features["image"].bytes_list.value[0]] += 1
    for letter in dead_letters(folder):
        values[base64.b64decode(letter["value"])] += 1
    return values


def check_offsets_join(folder: Path) -> None:
    """Each span begins where the one before it ends, in every partition."""
    ends: dict[str, int] = {}
    for manifest in manifests(folder):
        for partition, (first, end) in manifest["partitions"].items():
            assert first == ends.get(partition, 0), manifest
            ends[partition] = end
