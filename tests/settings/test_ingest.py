"""What messages of a Kafka topic cannot be read as."""

from settings.reading import load
from tests.settings.digits_mistakes import DIGITS, mistakes

SPANS = "data={source: tfrecords, path: 'incoming/span-{SPAN}', weight_feature: importance}"
TOPIC = "ingest={brokers: ['kafka:9092'], topic: digits}"


def test_a_message_that_is_an_image_cannot_weigh_it():
    [line] = mistakes(DIGITS, SPANS, TOPIC)
    assert "data.weight_feature is given; allowed: value: example, which can hold weig" in line
    assert load(DIGITS, [SPANS, TOPIC, "ingest.value=example"])
