"""`python -m pipeline ingest` with an Apache Kafka broker, where .ci/run could fetch one."""

import os
import random
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from benchmarks.kafka_broker import PASSWORD, USER, Broker
from cli.command_line import main
from tests.kafka_topics import (
    PARTITIONS,
    QUIET,
    check_offsets_join,
    configuration,
    dead_letters,
    image,
    ingested,
    manifests,
    send,
)
from tests.processes import start_pipeline

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    if "KAFKA_JARS" not in os.environ:
        pytest.skip("KAFKA_JARS is not set: python -m benchmarks.kafka_broker fetches them")
    jars, folder = Path(os.environ["KAFKA_JARS"]), tmp_path_factory.mktemp("broker")
    with Broker(jars, folder) as broker:
        yield broker


@pytest.fixture
def admin(broker):
    return AdminClient({"bootstrap.servers": broker.address}, logger=QUIET)


@pytest.fixture
def producer(broker):
    return Producer({"bootstrap.servers": broker.address}, logger=QUIET)


@pytest.fixture
def topic(admin, request):
    name = request.node.name.replace("_", "-")
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(60)
    return name


@pytest.fixture
def ingest(tmp_path, broker, topic, capfd):
    def run(*words, **keys):
        capfd.readouterr()
        path = configuration(tmp_path, keys.pop("brokers", [broker.address]), topic, **keys)
        code = main(["ingest", "--config", str(path), *words])
        said = capfd.readouterr()
        return code, said.out + said.err

    return run


def of_classes(numbers):
    return [(number % PARTITIONS, image(number), b"cat") for number in numbers]


def test_kills_and_restarts_of_the_broker_leave_each_message_in_one_span(
    ingest, broker, producer, topic, tmp_path
):
    chance, kills, each = random.Random(0), 4, 400
    path = configuration(tmp_path, [broker.address], topic, span_messages=150, timeout_seconds=60)
    for kill in range(kills):
        numbers = range(kill * each, (kill + 1) * each)
        messages = of_classes(numbers)
        messages[7] = 3, b"poison %d" % kill, b"cat"
        send(producer, topic, messages)
        before = len(manifests(tmp_path))
        process = start_pipeline("ingest", "--follow", "--config", str(path), log=tmp_path / "log")
        until = time.monotonic() + 60
        while len(manifests(tmp_path)) == before:
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.02)
        if kill == 1:
            broker.stop(kill=True)
            broker.start()
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.wait(60)
    send(producer, topic, of_classes([kills * each]))
    code, said = ingest()
    assert code == 0, said

    found = ingested(tmp_path)
    assert set(found.values()) == {1}
    assert len(found) == kills * each + 1
    assert len(dead_letters(tmp_path)) == kills
    check_offsets_join(tmp_path)


def test_messages_of_aborted_transactions_are_passed_over(ingest, broker, topic, tmp_path):
    producer = Producer(
        {"bootstrap.servers": broker.address, "transactional.id": topic}, logger=QUIET
    )
    producer.init_transactions(60)
    for number, is_kept in enumerate([True, False, True, False]):
        producer.begin_transaction()
        send(producer, topic, [(0, image(number), b"cat")])
        (producer.commit_transaction if is_kept else producer.abort_transaction)(60)
    code, said = ingest()
    assert code == 0, said
    assert ingested(tmp_path) == {image(0): 1, image(2): 1}
    assert manifests(tmp_path)[0]["partitions"]["0"] == [0, 8]  # with the transactions' marks
    code, said = ingest()
    assert (code, "Nothing is new" in said) == (0, True), said


def test_messages_that_retention_dropped_are_counted(ingest, admin, producer, topic, tmp_path):
    send(producer, topic, of_classes(range(20)))
    assert ingest()[0] == 0
    send(producer, topic, of_classes(range(20, 60)))
    place = TopicPartition(topic, 2, 12)
    admin.delete_records([place])[place].result(60)
    code, said = ingest()
    assert code == 1
    assert f"7 messages of topic {topic!r} are lost" in said
    assert "(partition 2: offsets 5 to 11)" in said
    assert said.count("\n") == 1
    code, said = ingest("--accept-loss")
    assert code == 0, said
    assert manifests(tmp_path)[1]["lost"] == {"2": [5, 12]}
    assert manifests(tmp_path)[1]["messages"] == 33


def test_a_partition_that_is_added_is_read_from_its_beginning(
    ingest, broker, admin, producer, topic, tmp_path
):
    send(producer, topic, of_classes(range(8)))
    assert ingest()[0] == 0
    admin.create_partitions([NewPartitions(topic, PARTITIONS + 1)])[topic].result(60)
    time.sleep(1)
    # A producer that knows the topic already would not see the new partition for minutes.
    another = Producer({"bootstrap.servers": broker.address}, logger=QUIET)
    send(another, topic, [(PARTITIONS, image(8), b"cat")])
    code, said = ingest()
    assert code == 0, said
    assert manifests(tmp_path)[1]["partitions"][str(PARTITIONS)] == [0, 1]


def test_only_who_knows_the_password_reads(ingest, broker, producer, topic, tmp_path, monkeypatch):
    send(producer, topic, of_classes(range(8)))
    signed = {"brokers": [broker.sasl_address], "security": {"sasl": "PLAIN"}}
    monkeypatch.setenv("KAFKA_USER", USER)
    monkeypatch.setenv("KAFKA_PASSWORD", "a-wrong-one")
    began = time.monotonic()
    code, said = ingest(**signed)
    assert code == 1
    assert "refuse: " in said
    assert "Correct ingest.security" in said
    assert "a-wrong-one" not in said
    assert said.count("\n") == 1
    assert time.monotonic() - began < 10

    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    code, said = ingest(**signed)
    assert code == 0, said
    assert ingested(tmp_path) == {image(number): 1 for number in range(8)}


def test_a_topic_that_vanishes_or_is_made_anew_is_one_line(
    ingest, admin, producer, topic, tmp_path
):
    send(producer, topic, of_classes(range(8)))
    assert ingest()[0] == 0
    admin.delete_topics([topic])[topic].result(60)
    time.sleep(1)
    code, said = ingest()
    assert (code, f"have no topic {topic!r}" in said) == (1, True), said
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(60)
    time.sleep(1)
    code, said = ingest()
    assert (code, "the topic was recreated" in said) == (1, True), said
    assert len(manifests(tmp_path)) == 1
