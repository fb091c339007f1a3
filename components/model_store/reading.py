"""Reads a push destination on this machine without TensorFlow, whose import takes seconds."""

import json
from pathlib import Path

from components.model_store.names import RECORD, SAVED_MODEL_FILES, is_version_name


def served_instead(pushed: str) -> int | None:
    """The number of the version that is in service instead of a pushed one.

    A model that was pushed before is found by its content and not pushed again, so that no
    run undoes a rollback: a run may end with a version that a later one has replaced.

    Args:
      pushed: the version's folder, `<destination>/<version>`.

    Returns:
      The highest number beside it; None where that is the version itself, and for an object
      store, which is not looked into.
    """
    folder = Path(pushed)
    if "://" in pushed or not folder.parent.is_dir():
        return None
    highest = max(
        (
            int(version.name)
            for version in folder.parent.iterdir()
            if is_version_name(version.name)
            and any((version / name).exists() for name in SAVED_MODEL_FILES)
        ),
        default=0,
    )
    return highest if highest > int(folder.name) else None


def pushing_run(version: Path) -> str | None:
    """The id of the run that pushed a version.

    Args:
      version: the version's folder, `<destination>/<version>`.

    Returns:
      None where there is no such version, or someone else put it there.
    """
    try:
        record = json.loads((version / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return record.get("run") if isinstance(record, dict) else None
