"""`python -m pipeline ingest`, with librdkafka's mock cluster for brokers."""

import json
import math
import signal
import time

import pytest

from cli.command_line import main
from components.examples.reading import example_message, serialized
from files import locks
from tests.kafka_proxy import damaging_proxy
from tests.kafka_topics import (
    PARTITIONS,
    MockCluster,
    check_offsets_join,
    configuration,
    dead_letters,
    image,
    ingested,
    manifests,
)
from tests.processes import start_pipeline, wait_for


@pytest.fixture(scope="module")
def cluster():
    return MockCluster()


@pytest.fixture
def topic(request):
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[-80:]


@pytest.fixture
def ingest(tmp_path, cluster, topic, capfd):
    """Runs the verb on the test's topic; gives the exit code and what was said."""

    def run(*words, **keys):
        capfd.readouterr()
        path = configuration(tmp_path, keys.pop("brokers", cluster.brokers), topic, **keys)
        code = main(["ingest", "--config", str(path), *words])
        said = capfd.readouterr()
        return code, said.out + said.err

    return run


def of_classes(numbers, label=b"cat"):
    return [(number % PARTITIONS, image(number), label) for number in numbers]


@pytest.mark.slow
def test_each_ingest_writes_what_is_new_as_the_next_span(ingest, cluster, topic, tmp_path):
    cluster.send(topic, of_classes(range(50)))
    code, said = ingest()
    assert code == 0, said
    assert "span-1: 50 messages" in said
    assert "lag 0" in said
    code, said = ingest()
    assert (code, "Nothing is new" in said) == (0, True), said
    cluster.send(topic, of_classes(range(50, 70)))
    assert ingest()[0] == 0

    assert [manifest["examples"] for manifest in manifests(tmp_path)] == [50, 20]
    assert ingested(tmp_path) == {image(number): 1 for number in range(70)}
    check_offsets_join(tmp_path)
    assert not list((tmp_path / "incoming").glob("*.unfinished"))


def test_what_is_no_example_becomes_a_dead_letter_with_its_reason(ingest, cluster, topic, tmp_path):
    bad = [
        (0, b"no picture", b"cat"),
        (1, image(1)[:-20], b"cat"),
        (2, image(2), None),
        (3, image(3), b"\xff\xfe"),
        (0, b"", b"cat"),
    ]
    cluster.send(topic, [*bad, *of_classes([4])])
    code, said = ingest()
    assert code == 0, said
    assert "5 dead letters (1 broken, 1 empty, 1 no image, 2 unlabelled)" in said
    reasons = {(letter["partition"], letter["reason"]) for letter in dead_letters(tmp_path)}
    assert reasons == {
        (0, "the image is not a JPEG, PNG, GIF, BMP or WebP"),
        (1, "the PNG is cut off"),
        (2, "no header 'label'"),
        (3, "header 'label' holds no printable text"),
        (0, "the image is empty"),
    }
    assert manifests(tmp_path)[0]["dead_letters_by_kind"]["unlabelled"] == 2
    assert ingested(tmp_path) == {value: 1 for _, value, _ in bad} | {image(4): 1}


@pytest.mark.slow
def test_dead_letters_alone_make_no_span_and_are_in_the_next_one(ingest, cluster, topic, tmp_path):
    cluster.send(topic, [(0, b"junk", b"cat")])
    code, said = ingest()
    assert (code, "None of the 1 new messages is an example (1 no image)" in said) == (0, True)
    assert manifests(tmp_path) == []
    cluster.send(topic, of_classes([1]))
    assert ingest()[0] == 0
    assert ingested(tmp_path) == {b"junk": 1, image(1): 1}


def test_examples_are_kept_as_they_are_and_checked(ingest, cluster, topic, tmp_path):
    whole = serialized({"image": image(1), "label": b"cat", "weight": 0.5})
    values = [whole, b"\xff\xff", serialized({"image": image(2)}), serialized({"label": b"cat"})]
    cluster.send(topic, [(0, value, None) for value in values])
    code, said = ingest(value="example")
    assert code == 0, said
    [shard] = (tmp_path / "incoming" / "span-1").glob("*.tfrecord")
    assert whole in shard.read_bytes()
    assert [letter["kind"] for letter in dead_letters(tmp_path)] == [
        "no Example",
        "feature",
        "feature",
    ]
    assert (
        "feature 'label' is missing. It has: image (bytes)" in dead_letters(tmp_path)[1]["reason"]
    )


def test_a_message_without_a_weight_of_0_or_more_is_a_dead_letter(ingest, cluster, topic, tmp_path):
    weights = [0.5, -1.0, math.nan, b"much", 0.0]
    values = [
        serialized({"image": image(number), "label": b"cat", "weight": weight})
        for number, weight in enumerate(weights)
    ]
    whole_number = example_message().FromString(values[0])
    whole_number.features.feature["weight"].int64_list.value.append(1)
    values += [whole_number.SerializeToString(), serialized({"image": image(6), "label": b"cat"})]
    cluster.send(topic, [(0, value, None) for value in values])
    code, said = ingest("--set", "data.weight_feature=weight", value="example")
    assert code == 0, said
    assert [letter["offset"] for letter in dead_letters(tmp_path)] == [1, 2, 3, 5, 6]
    reasons = [letter["reason"].partition(". It has")[0] for letter in dead_letters(tmp_path)]
    assert reasons == [
        "feature 'weight' is -1 instead of a number of 0 or more",
        "feature 'weight' is nan instead of a number of 0 or more",
        "feature 'weight' is bytes instead of float",
        "feature 'weight' is int64 instead of float",
        "feature 'weight' is missing",
    ]
    assert manifests(tmp_path)[0]["weight_kind"] == "float"


@pytest.mark.slow
def test_messages_that_were_dropped_stop_the_ingest_unless_that_is_accepted(
    ingest, cluster, topic, tmp_path
):
    cluster.send(topic, [(0, image(0), b"cat")])
    assert ingest()[0] == 0
    # The mock keeps 5 MiB of a partition.
    padding = bytes(1 << 19)
    cluster.send(topic, [(0, image(number) + padding, b"cat") for number in range(1, 21)])
    code, said = ingest()
    assert code == 1
    assert "messages of topic" in said
    assert "are lost: its retention dropped them" in said
    assert "partition 0: offsets 1 to " in said
    assert "ingest --accept-loss" in said
    assert len(manifests(tmp_path)) == 1

    code, said = ingest("--accept-loss")
    assert code == 0, said
    newest = manifests(tmp_path)[-1]
    [first, end] = newest["lost"]["0"]
    assert first == 1
    assert newest["partitions"]["0"] == [end, 21]
    assert newest["examples"] == 21 - end


@pytest.mark.slow
def test_a_new_partition_is_read_from_its_beginning(ingest, cluster, topic, tmp_path):
    cluster.send(topic, of_classes(range(8)))
    assert ingest()[0] == 0
    place = tmp_path / "incoming" / "span-1" / "manifest.json"
    manifest = json.loads(place.read_text())
    del manifest["partitions"]["3"]  # as if it had come after that span
    place.write_text(json.dumps(manifest))
    assert ingest()[0] == 0
    assert manifests(tmp_path)[1]["partitions"]["3"] == [0, 2]
    assert manifests(tmp_path)[1]["examples"] == 2


@pytest.fixture
def follow(ingest, cluster, topic, monkeypatch):
    """A function (span_messages): follows a topic of four dead letters and an image, one span."""
    from pipeline.ingest.span_folder import SpanWriter

    def finish(writer, *given, finish=SpanWriter.finish):
        signal.raise_signal(signal.SIGTERM)
        return finish(writer, *given)

    monkeypatch.setattr(SpanWriter, "finish", finish)
    junk = [(0, value, b"cat") for value in (b"junk", b"junk", b"", image(1)[:-20])]
    cluster.send(topic, [*junk, (0, image(2), b"cat")])
    return lambda messages: ingest("--follow", span_messages=messages)


def test_following_ends_where_dead_letters_alone_fill_a_span(follow, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.ingest.run._MOST_LETTERS", 4)
    code, said = follow(4)
    assert code == 1
    assert "None of the 4 messages that fill a span is an example (1 broken, 1 empty, 2 no" in said
    assert said.count("\n") == 1
    assert list((tmp_path / "incoming").glob("s*")) == []


def test_following_reads_past_a_few_dead_letters_however_small_its_spans_are(follow, tmp_path):
    assert follow(1)[0] == 0
    [manifest] = manifests(tmp_path)
    assert (manifest["messages"], manifest["examples"]) == (5, 1)


@pytest.mark.slow
def test_following_cuts_spans_and_ends_clean_at_sigterm(cluster, topic, tmp_path):
    cluster.send(topic, of_classes(range(100)))
    path = configuration(tmp_path, cluster.brokers, topic, span_messages=40)
    process = start_pipeline("ingest", "--follow", "--config", str(path), log=tmp_path / "log")
    until = time.monotonic() + 60
    while len(list((tmp_path / "incoming").glob("span-?"))) < 2:
        assert time.monotonic() < until, (tmp_path / "log").read_text()
        time.sleep(0.05)
    time.sleep(0.5)
    process._process.terminate()
    assert process.wait(60) == 0, (tmp_path / "log").read_text()
    assert [manifest["messages"] for manifest in manifests(tmp_path)] == [40, 40, 20]
    assert ingested(tmp_path) == {image(number): 1 for number in range(100)}
    check_offsets_join(tmp_path)


@pytest.mark.slow
def test_following_goes_on_though_its_lines_cannot_be_written(cluster, topic, tmp_path):
    cluster.send(topic, of_classes(range(10)))
    path = configuration(tmp_path, cluster.brokers, topic, span_messages=5)
    process = start_pipeline("ingest", "--follow", "--config", str(path), log="/dev/full")
    wait_for((tmp_path / "incoming" / "span-2").exists, processes=[process])
    process._process.terminate()
    assert process.wait(60) == 0
    assert [manifest["messages"] for manifest in manifests(tmp_path)] == [5, 5]


def test_a_message_whose_checksum_does_not_match_stops_the_ingest(ingest, cluster, topic, tmp_path):
    cluster.send(topic, [(1, image(1), b"mouse"), (1, image(2), b"cat")])
    with damaging_proxy(cluster.brokers[0], b"mouse", b"moose") as broker:
        code, said = ingest(brokers=[broker])
    assert code == 1
    assert f"Topic {topic!r} cannot be read at offset 0 of partition 1: " in said
    assert "Run again, as the network may have damaged it. If it stays so, " in said
    assert "delete the records up to the batch's end" in said
    assert "run `ingest --accept-loss`" in said
    assert said.count("\n") == 1
    assert manifests(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--follow",)])
def test_what_comes_before_an_unreadable_message_becomes_a_span(
    ingest, cluster, topic, tmp_path, words
):
    for number, label in enumerate([b"cat", b"mouse", b"cat"]):
        cluster.send(topic, [(1, image(number), label)])  # a batch of its own
    with damaging_proxy(cluster.brokers[0], b"mouse", b"moose") as broker:
        for _ in range(2):
            code, said = ingest(*words, brokers=[broker])
            assert code == 1
            assert f"Topic {topic!r} cannot be read at offset 1 of partition 1: " in said
            assert len(manifests(tmp_path)) == 1
    assert ingested(tmp_path) == {image(0): 1}

    assert ingest()[0] == 0
    assert ingested(tmp_path) == {image(0): 1, image(1): 1, image(2): 1}
    check_offsets_join(tmp_path)


@pytest.mark.parametrize(("signals", "code", "spans"), [(1, 0, 1), (2, 130, 0)])
def test_a_signal_while_a_span_is_finished_waits_for_it_and_a_second_one_does_not(
    ingest, cluster, topic, tmp_path, monkeypatch, signals, code, spans
):
    from pipeline.ingest.span_folder import SpanWriter

    def finish(*arguments, finish=SpanWriter.finish):
        finish(*arguments)
        for _ in range(signals):
            signal.raise_signal(signal.SIGTERM)

    cluster.send(topic, of_classes(range(8)))
    monkeypatch.setattr(SpanWriter, "finish", finish)
    given, said = ingest("--follow", span_messages=8)
    assert given == code, said
    assert [manifest["messages"] for manifest in manifests(tmp_path)] == [8] * spans
    assert not list((tmp_path / "incoming").glob("*.unfinished"))


def test_a_second_ingest_is_told_who_writes(ingest, cluster, topic, tmp_path):
    cluster.send(topic, of_classes([1]))
    (tmp_path / "incoming").mkdir()
    with locks.hold(tmp_path / "incoming" / ".span-{SPAN}.lock"):
        code, said = ingest()
    assert code == 1
    assert "is being written by process " in said
    assert manifests(tmp_path) == []


def test_what_a_killed_ingest_left_is_removed(ingest, cluster, topic, tmp_path):
    left = tmp_path / "incoming" / "span-7.unfinished"
    left.mkdir(parents=True)
    (left / "messages-00000.tfrecord").write_bytes(b"half")
    cluster.send(topic, of_classes([1]))
    assert ingest()[0] == 0
    assert [path.name for path in (tmp_path / "incoming").glob("s*")] == ["span-1"]


def test_an_interrupt_publishes_nothing(ingest, cluster, topic, tmp_path, monkeypatch):
    from pipeline.ingest.span_folder import SpanWriter

    cluster.send(topic, of_classes(range(8)))
    monkeypatch.setattr(SpanWriter, "add", lambda *_: signal.raise_signal(signal.SIGTERM))
    code, said = ingest()
    assert (code, said) == (130, "steadyfeed: interrupted\n")
    assert list((tmp_path / "incoming").glob("s*")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "have no topic "),
        ({"brokers": ["127.0.0.1:9"]}, "127.0.0.1:9 do not answer within 1 s ("),
        ({"security": {"tls": True}}, "do not answer within 1 s (ssl://"),
    ],
)
def test_brokers_that_cannot_be_read_are_one_line_within_the_time(ingest, tmp_path, keys, expected):
    code, said = ingest(**{"timeout_seconds": 1, **keys})
    assert code == 1
    assert expected in said
    assert said.count("\n") == 1
    assert list((tmp_path / "incoming").glob("s*")) == []


@pytest.mark.slow
def test_spans_of_another_topic_or_of_nobody_stop_the_ingest(ingest, cluster, topic, tmp_path):
    cluster.send(topic, of_classes(range(4)))
    cluster.send(f"{topic}-2", of_classes(range(4)))
    assert ingest()[0] == 0
    code, said = ingest("--set", f"ingest.topic={topic}-2")
    assert (code, f"is of topic {topic!r}, and ingest.topic is" in said) == (1, True), said

    place = tmp_path / "incoming" / "span-1" / "manifest.json"
    manifest = json.loads(place.read_text())
    place.write_text(json.dumps(manifest | {"partitions": {"0": [0, 99]}}))
    code, said = ingest()
    assert (code, "ends at offset 1, before 99" in said) == (1, True), said
    place.unlink()
    code, said = ingest()
    assert (code, "has no manifest.json of `ingest`" in said) == (1, True), said


def test_a_password_comes_from_the_environment_alone(ingest, monkeypatch):
    code, said = ingest(security={"sasl": "PLAIN"})
    assert code == 2
    assert "the environment variable KAFKA_USER is not set" in said
    code, said = ingest(security={"sasl": "PLAIN", "password": "secret"})
    assert code == 2
    assert "ingest.security.password: unknown key" in said
