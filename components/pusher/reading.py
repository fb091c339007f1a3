"""Reads what Pusher says of a pushed model."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Pushed(NamedTuple):
    """A version that was pushed; a model that was pushed before keeps its version."""

    version: str
    path: str  # <destination>/<version>


def read_pushed(properties: Mapping[str, Any]) -> Pushed | None:
    """Reads the PushedModel's custom properties; None where the model was not pushed."""
    version = properties.get("pushed_version")
    return Pushed(version, properties["pushed_destination"]) if version else None
