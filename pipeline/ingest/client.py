"""The settings of librdkafka's consumer that a configuration stands for."""

import os

from failures import ConfigurationError
from settings.ingest import Ingest, Security


def client_settings(ingest: Ingest, group: str) -> dict[str, object]:
    """All but the callbacks.

    Raises:
      ConfigurationError: a file is missing, or an environment variable is not set.
    """
    return {
        "bootstrap.servers": ",".join(ingest.brokers),
        "client.id": "steadyfeed",
        "group.id": group,
        "enable.auto.commit": False,  # The manifest says what was read.
        "auto.offset.reset": "error",  # Older or newer data never takes its place in silence.
        "enable.partition.eof": True,  # An end may be behind the last message that is delivered.
        "isolation.level": "read_committed" if ingest.read_committed else "read_uncommitted",
        "check.crcs": True,
        "reconnect.backoff.max.ms": 1000,
        "fetch.queue.backoff.ms": 50,  # The default, a second, lets a fast reader wait.
        "queued.max.messages.kbytes": 32 << 10,  # of memory, however much there is to read
        **_security(ingest.security),
    }


def _security(security: Security) -> dict[str, object]:
    protocol = ("SASL_" if security.sasl else "") + ("SSL" if security.tls else "PLAINTEXT")
    settings = {"security.protocol": protocol}
    files = {
        "ssl.ca.location": "ca_file",
        "ssl.certificate.location": "certificate_file",
        "ssl.key.location": "key_file",
    }
    for name, key in files.items():
        if path := getattr(security, key):
            settings[name] = _file(path, key)
    if security.key_password_variable:
        settings["ssl.key.password"] = _secret(security, "key_password_variable")
    if security.sasl:
        settings |= {
            "sasl.mechanism": security.sasl,
            "sasl.username": _secret(security, "user_variable"),
            "sasl.password": _secret(security, "password_variable"),
        }
    return settings


def _file(path: str, key: str) -> str:
    expanded = os.path.expanduser(path)
    if not os.path.isfile(expanded):
        raise ConfigurationError(
            f"ingest.security.{key}: given {path!r}, which is not a file; allowed: a PEM file"
        )
    return expanded


def _secret(security: Security, key: str) -> str:
    variable = getattr(security, key)
    if not os.environ.get(variable):
        raise ConfigurationError(
            f"ingest.security.{key}: the environment variable {variable} is not set"
        )
    return os.environ[variable]
