"""Reads what ChampionResolver says of the champion."""

from collections.abc import Mapping
from typing import Any


def read_version(properties: Mapping[str, Any]) -> int | None:
    """Reads the custom properties of the champion's Model; None without a champion."""
    version = properties.get("version")
    return None if version is None else int(version)
