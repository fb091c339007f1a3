"""A real Kafka broker, an ingest killed again and again: is every message in exactly one span?

    .venv/bin/python -m benchmarks.kafka [--messages 200000] [--kills 20] [--seed 0]

Messages of 10 KB, 1% of them no images, arrive while `ingest --follow` is killed with -9 at
random moments and the broker is restarted twice, once with -9. Then the rate of an ingest is
compared with that of a bare consumer on the same messages, the better of two each, and its
memory with that for a tenth of them, which should be 20,000 or more. Prints each figure beside
its bar, and the CPU time of both, which other work on the machine changes less. Needs Java 17
and, the first time, Maven; on the disk, four times the messages' size.
"""

import argparse
import io
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from PIL import Image

from benchmarks.kafka_broker import Broker, fetched_jars
from benchmarks.peak_memory import with_peak
from components.examples.reading import example_message
from files import tfrecords

_PROJECT = Path(__file__).resolve().parents[1]
BYTES, POISON, PARTITIONS = 10_000, 0.01, 4
RATE_BAR, MEMORY_BAR = 0.5, 1.2
_NUMBER_BYTES = 8  # behind the end of an image, which says which one it is
_RESTARTS, _ROUNDS = 2, 2


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="kafka-") as name:
        folder = Path(name)
        with Broker(fetched_jars(), folder / "broker") as broker:
            values = Values(arguments.messages, chance)
            verdicts = kills(broker, folder / "kills", values, arguments.kills, chance)
            verdicts += rates(broker, folder / "rates", values)
    for name, figure, is_met in verdicts:
        print(f"{name:<34} {figure}  {'met' if is_met else 'MISSED'}")
    return 0 if all(is_met for *_, is_met in verdicts) else 1


class Values:
    """Messages by number: JPEGs of about 10 KB, and non-images; each ends with its number."""

    def __init__(self, count, chance):
        self.count = count
        self.poison = set(chance.sample(range(count), round(count * POISON)))
        draws = np.random.default_rng(chance.randrange(1 << 30))
        self._images = [_jpeg(draws) for _ in range(16)]

    def __getitem__(self, number):
        start = self._images[number % len(self._images)]
        if number in self.poison:
            start = bytes(BYTES - _NUMBER_BYTES)
        return start + number.to_bytes(_NUMBER_BYTES, "big")

    def send(self, broker, topic, numbers):
        producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 20})
        for number in numbers:
            label, partition = str(number % 10), number % PARTITIONS
            while True:
                try:
                    producer.produce(
                        topic, self[number], str(number), partition, headers=[("label", label)]
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
        left = producer.flush(120)
        if left:
            raise SystemExit(f"the broker did not take {left} messages")


def _jpeg(draws):
    file = io.BytesIO()
    for side in range(60, 200, 4):
        file = io.BytesIO()
        noise = draws.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(file, "JPEG", quality=80)
        if file.tell() >= BYTES - 500:
            break
    return file.getvalue()


def kills(broker, folder, values, number, chance):
    """Verdicts on what is in the spans after this many kills and two restarts of the broker."""
    config = configured(broker, folder, "killed", span_messages=max(50, values.count // 60))
    bounds = [values.count * part // (number + 1) for part in range(number + 2)]
    restarts = {round(number * (part + 1) / (_RESTARTS + 1)): part for part in range(_RESTARTS)}
    for part in range(number):
        values.send(broker, "killed", range(bounds[part], bounds[part + 1]))
        process = started(config, "--follow")
        wait_for_work(folder, process)
        if part in restarts:
            broker.stop(kill=bool(restarts[part]))
            broker.start()
        time.sleep(chance.uniform(0, 2))
        process.kill()
        process.wait()
        print(f"kill {part + 1} of {number}: {len(spans(folder))} spans", flush=True)
    values.send(broker, "killed", range(bounds[number], values.count))
    done = subprocess.run(command(config), cwd=_PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return judged(folder, values)


def judged(folder, values):
    examples, letters = Counter(), Counter()
    ends, joined = {}, True
    for span in spans(folder):
        for partition, (first, end) in json.loads((span / "manifest.json").read_text())[
            "partitions"
        ].items():
            joined &= first == ends.get(partition, 0)
            ends[partition] = end
        for file in span.glob("*.tfrecord"):
            for record in tfrecords.records(file):
                image = example_message().FromString(record).features.feature["image"]
                examples[int.from_bytes(image.bytes_list.value[0][-_NUMBER_BYTES:], "big")] += 1
        if (span / "dead-letters.jsonl").exists():
            with open(span / "dead-letters.jsonl") as file:
                for line in file:
                    letter = json.loads(line)
                    letters[letter["partition"], letter["offset"]] += 1
    whole = set(range(values.count)) - values.poison
    twice = sum(count - 1 for count in (*examples.values(), *letters.values()))
    lost = len(whole - examples.keys())
    return [
        ("messages in exactly one span", f"{len(examples):,} of {len(whole):,}", not lost),
        ("messages twice", f"{twice:,}; the bar is 0", not twice),
        (
            "poison in the dead letters",
            f"{len(letters):,} of {len(values.poison):,}",
            len(letters) == len(values.poison) and not examples.keys() & values.poison,
        ),
        ("spans whose offsets join", f"{len(spans(folder))}", joined),
    ]


def rates(broker, folder, values):
    """Verdicts on an ingest's rate beside a bare consumer's, and on its memory."""
    tenth = values.count // 10
    topics = {"tenth": range(tenth), "whole": range(values.count)}
    results = {}
    for topic, numbers in topics.items():
        config = configured(broker, folder / topic, topic)
        values.send(broker, topic, numbers)
        bare, seconds = [], []
        for _ in range(_ROUNDS):  # The broker's first reader waits for its compiler.
            bare.append(with_peak(consume, broker.address, topic, len(numbers))[0])
            took, memory = with_peak(ingest, str(config))
            seconds.append(took)
            shutil.rmtree(folder / topic / "incoming")
        fastest = [min(found)[0] for found in (bare, seconds)]
        microseconds = [min(cpu for _, cpu in found) * 1e6 for found in (bare, seconds)]
        results[topic] = *(len(numbers) / least for least in fastest), memory
    print(
        "CPU time of a message: {1:.0f} µs, of a bare consumer {0:.0f}".format(
            *(spent / values.count for spent in microseconds)
        )
    )
    bare, rate, memory = results["whole"]
    small = results["tenth"][2]
    return [
        (
            "rate beside a bare consumer",
            f"{rate:,.0f} of {bare:,.0f} messages/s: {rate / bare:.2f}; the bar is {RATE_BAR}",
            rate >= RATE_BAR * bare,
        ),
        (
            "memory from 1x to 10x",
            f"{small:,.0f} to {memory:,.0f} MiB: {memory / small:.2f}; the bar is {MEMORY_BAR}",
            memory <= MEMORY_BAR * small,
        ),
    ]


def consume(address, topic, count):
    """Seconds in which a bare consumer reads this many messages, and those of CPU time."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "bare", "enable.auto.commit": False}
    )
    began, cpu, seen = time.perf_counter(), time.process_time(), 0
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    while seen < count:
        for message in consumer.consume(500, 0.2):
            if message.error() is None:
                seen += len(message.value()) > 0
            elif message.error().code() != KafkaError._PARTITION_EOF:
                raise SystemExit(str(message.error()))
    taken = time.perf_counter() - began, time.process_time() - cpu
    consumer.close()
    return taken


def ingest(config):
    """Seconds from the start of an ingest to the published span, and those of CPU time.

    Imports do not count.
    """
    from pipeline.ingest.run import ingest
    from settings.reading import load

    configuration = load(config)
    began, cpu = time.perf_counter(), time.process_time()
    ingest(configuration)
    return time.perf_counter() - began, time.process_time() - cpu


def configured(broker, folder, topic, **keys):
    """Makes the topic and a configuration that reads it into the folder; its path."""
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(60)
    folder.mkdir(parents=True)
    content = {
        "name": "kafka",
        "root": f"{folder}/root",
        "data": {"source": "tfrecords", "path": f"{folder}/incoming/span-{{SPAN}}"},
        "ingest": {"brokers": [broker.address], "topic": topic, **keys},
        "preprocessing": {"height": 64, "width": 64},
        "model": {"name": "small_cnn"},
        "push": {"destination": f"{folder}/pushed"},
    }
    path = folder / "kafka.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def command(config, *words):
    return [sys.executable, "-m", "pipeline", "ingest", "--config", str(config), *words]


def started(config, *words):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command(config, *words), cwd=_PROJECT, **quiet)


def wait_for_work(folder, process):
    """Waits until the ingest writes a span."""
    before, until = len(spans(folder)), time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if any((folder / "incoming").glob("*.unfinished/*")) or len(spans(folder)) > before:
            return
        time.sleep(0.01)
    raise SystemExit(f"the ingest wrote nothing; it ended with {process.poll()}")


def spans(folder):
    found = (path for path in (folder / "incoming").glob("span-*") if path.name[5:].isdigit())
    return sorted(found, key=lambda path: int(path.name[5:]))


if __name__ == "__main__":
    sys.exit(main())
