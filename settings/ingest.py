"""The section `ingest`: the Kafka topic that `python -m pipeline ingest` writes spans from."""

import os
from typing import Annotated, Literal

from pydantic import Field, model_validator

from settings.data import Data
from settings.folders import folder_or_home
from settings.kubernetes import Variable
from settings.plain_paths import PLAIN_OR_HOME
from settings.section import Section, matching
from settings.spans import SPEC

Broker = matching(r"[^\s:/,@]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", "host:port")
Topic = matching(
    r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", "letters, digits, dots, hyphens and underscores"
)
Group = Annotated[str, Field(min_length=1, max_length=255)]
Header = Annotated[str, Field(min_length=1)]
LocalFile = folder_or_home(PLAIN_OR_HOME, "a file of this machine")


class Security(Section):
    """How the connection is encrypted, and who reads. Secrets are never in the file."""

    tls: bool = Field(False, description="whether to encrypt, and to check the brokers' names")
    ca_file: LocalFile | None = Field(
        None, description="certificates to check the brokers' against; omit for the system's"
    )
    certificate_file: LocalFile | None = Field(
        None, description="the client's certificate, for brokers that ask for one"
    )
    key_file: LocalFile | None = Field(None, description="the key of certificate_file")
    key_password_variable: Variable | None = Field(
        None, description="the environment variable that holds the password of key_file"
    )
    sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="the mechanism of signing in with a password; omit for none"
    )
    user_variable: Variable = Field(
        "KAFKA_USER", description="with sasl, the environment variable that holds the user's name"
    )
    password_variable: Variable = Field(
        "KAFKA_PASSWORD", description="with sasl, the environment variable that holds the password"
    )

    @model_validator(mode="after")
    def _fits_together(self):
        of_tls = ("ca_file", "certificate_file", "key_file", "key_password_variable")
        if not self.tls and (given := [name for name in of_tls if getattr(self, name)]):
            raise ValueError(f"allowed: {given[0]} only with tls: true")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("allowed: certificate_file and key_file together")
        return self


class Ingest(Section):
    """A topic, read into the spans of `data.path`."""

    brokers: Annotated[list[Broker], Field(min_length=1)] = Field(
        description="some of the cluster's brokers, from which the others are learned"
    )
    topic: Topic = Field(description="the topic to read")
    value: Literal["image", "example"] = Field(
        "image",
        description="what a message's value is: an encoded image, or a serialized "
        "tf.train.Example with the features that `data` names",
    )
    label_header: Header = Field(
        "label", description="with value: image, the header that holds the class"
    )
    group: Group | None = Field(
        None,
        description="the consumer group whose offsets show brokers how far this is; nothing is "
        "read from there; omit for the pipeline's name",
    )
    read_committed: bool = Field(
        True, description="pass over messages of transactions that are aborted or still open"
    )
    security: Security = Field(Security(), description="encryption and sign-in")
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        60.0, description="longest wait for a broker that does not answer, as in a restart"
    )
    span_messages: Annotated[int, Field(ge=1)] = Field(
        100_000, description="with --follow, messages after which a span ends at the latest"
    )
    span_mb: Annotated[float, Field(gt=0)] = Field(
        4096.0, description="with --follow, MB of messages after which it ends"
    )
    span_seconds: Annotated[float, Field(gt=0)] = Field(
        3600.0, description="with --follow, seconds after its first message when it ends"
    )


def mistake_in(ingest: Ingest, data: Data) -> str | None:
    """Why spans of this topic could not be read as this data; None if they can."""
    if data.source != "tfrecords":
        return f"data.source is {data.source}; allowed: with source: tfrecords, which reads it"
    name = os.path.basename(data.path)
    specs = [spec[0] for spec in SPEC.finditer(data.path)]
    if "://" in data.path or len(specs) != 1 or "SPAN" not in specs[0] or specs[0] not in name:
        return (
            f"data.path is {data.path}; allowed: a folder of this machine whose name has {{SPAN}}, "
            "as in incoming/span-{SPAN}"
        )
    if data.files != type(data).model_fields["files"].default:
        return "data.files is given; allowed: left out, as the spans' files have names of their own"
    if data.splits is not None and not data.splits.are_shares:
        return "data.splits are files; allowed: percentages"
    if ingest.value == "image" and data.mask_feature is not None:
        return "data.mask_feature is given; allowed: value: example, which can hold masks"
    if ingest.value == "image" and data.weight_feature is not None:
        return "data.weight_feature is given; allowed: value: example, which can hold weights"
    if ingest.value == "image" and data.multi_label:
        return "data.multi_label is true; allowed: value: example, which can hold several classes"
    if ingest.value == "image" and data.class_names:
        return "data.class_names is given; allowed: left out, as the header holds the class"
    if ingest.value == "image" and data.image_feature == data.label_feature:
        return "data.image_feature is data.label_feature; allowed: two features"
    return None
