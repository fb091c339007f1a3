"""Whatever arrives and whenever an ingest dies, each message is in exactly one span."""

import itertools
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kafka_topics import (
    PARTITIONS,
    MockCluster,
    check_offsets_join,
    configuration,
    image,
    ingested,
)
from tests.processes import start_pipeline

_topics = itertools.count()
# Of each ingest: how many messages come before it, of which partitions, and the seconds after
# which it is killed.
arrivals = st.lists(
    st.tuples(
        st.lists(st.integers(0, PARTITIONS - 1), max_size=150),
        st.floats(0.0, 0.6),
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def cluster():
    return MockCluster()


@pytest.mark.slow
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(arrivals=arrivals, span_messages=st.integers(1, 60), poisoned=st.integers(2, 20))
def test_every_message_is_in_one_span_wherever_ingests_are_killed(
    cluster, arrivals, span_messages, poisoned
):
    topic, number = f"killed-{next(_topics)}", itertools.count()
    with tempfile.TemporaryDirectory() as name:
        folder, sent = Path(name), []

        def send(partitions):
            for partition in partitions:
                one = next(number)
                value = b"poison %d" % one if one % poisoned == 0 else image(one)
                sent.append((partition, value, b"cat"))
            cluster.send(topic, sent[len(sent) - len(partitions) :])

        path = configuration(folder, cluster.brokers, topic, span_messages=span_messages)
        send(range(PARTITIONS))  # which makes the topic
        for partitions, seconds in arrivals:
            send(partitions)
            words = "ingest", "--follow", "--config", str(path)
            process = start_pipeline(*words, log=folder / "log")
            while not (folder / "incoming").exists():  # It has started.
                time.sleep(0.01)
            time.sleep(seconds)
            process.kill()
            process.wait(60)
        send([0])
        process = start_pipeline("ingest", "--config", str(path), log=folder / "log")
        assert process.wait(120) == 0, (folder / "log").read_text()

        found = ingested(folder)
        if not (len(sent) - 1) % poisoned:
            # A dead letter alone makes no span.
            found.setdefault(sent[-1][1], 1)
        assert found == {value: 1 for _, value, _ in sent}
        check_offsets_join(folder)
        assert not list((folder / "incoming").glob("*.unfinished"))
