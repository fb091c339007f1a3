"""Reads what ChampionResolver recorded of the champion."""

import json
from collections.abc import Mapping
from typing import Any

from files import places

NOTE_FILE = "champion.json"


def read_version(properties: Mapping[str, Any]) -> int | None:
    """Reads the custom properties of the champion's Model; None without a champion."""
    version = properties.get("version")
    return None if version is None else int(version)


def read_note(uri: str) -> tuple[int, str]:
    """(version, its folder in the push destination) of a champion that was found."""
    note = json.loads(places.read(f"{uri}/{NOTE_FILE}", "Remove the artifact and run again."))
    return note["version"], note["version_path"]
