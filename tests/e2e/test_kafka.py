"""Digits of a Kafka topic: ingest writes spans, and runs read them."""

import hashlib
from pathlib import Path

import pytest
import yaml
from sklearn.datasets import load_digits

from cli.command_line import main
from components.examples.reading import serialized
from datasets.digits import enlarged_png
from files import tfrecords
from tests.e2e.test_digits import results
from tests.kafka_topics import PARTITIONS, MockCluster


@pytest.mark.slow
def test_digits_of_a_topic_become_the_same_examples(tmp_path, capfd):
    cluster, loaded = MockCluster(), load_digits()
    digits = [
        (number % PARTITIONS, enlarged_png(image), str(label).encode())
        for number, (image, label) in enumerate(zip(loaded.images, loaded.target, strict=True))
    ]
    path = configuration(tmp_path, cluster.brokers)
    for part in (digits[:1500], [(0, b"no picture", b"3"), *digits[1500:]]):
        cluster.send("digits", part)
        assert command(capfd, "ingest", path)[0] == 0

    # Spans, and TFRecords, become a pushed model in test_spans and test_foreign_records.
    code, said = command(capfd, "run", path, "--set", "training.batch_size=5000")
    assert (code, "Trainer failed" in said.replace("│", " ")) == (1, True), said
    assert results(said)["TfrecordsExampleGen"] == "ran"
    words = " ".join(said.replace("│", " ").split())
    assert "1,797 examples in 3 splits" in words
    assert "spans 1, 2 (new: spans 1, 2)" in words

    wanted = [serialized({"image": image, "label": label}) for _, image, label in digits]
    found = [
        record
        for shard in (tmp_path / "root" / "TfrecordsExampleGen" / "examples").glob("*/Split-*/*")
        for record in tfrecords.records(shard)
    ]
    assert hash_of(found) == hash_of(wanted)

    code, said = command(capfd, "spans", path, action="list")
    assert (code, said.count("in the window")) == (0, 2), said


def hash_of(records) -> str:
    return hashlib.sha256(b"".join(sorted(records))).hexdigest()


def configuration(folder: Path, brokers) -> Path:
    """configs/digits.yaml with a topic for its data."""
    content = yaml.safe_load(Path("configs/digits.yaml").read_text())
    incoming = f"{folder}/incoming/span-{{SPAN}}"
    content |= {
        "root": f"{folder}/root",
        "data": {"source": "tfrecords", "path": incoming, "window": "all"},
        "ingest": {"brokers": brokers, "topic": "digits"},
        "push": {"destination": f"{folder}/pushed"},
    }
    path = folder / "digits.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def command(capfd, verb, path, *words, action=None) -> tuple[int, str]:
    capfd.readouterr()
    code = main([*filter(None, (verb, action)), "--config", str(path), *words])
    said = capfd.readouterr()
    return code, said.out + said.err
