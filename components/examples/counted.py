"""Compares how many examples went into a step with how many came out of it.

Engines have been seen to lose records, and files go missing: that must stop a run.
"""

import json
from collections.abc import Mapping

from tfx import types

from failures import Failure


def check_written(written: Mapping[str, int], expected: Mapping[str, int], source: str) -> None:
    """Raises a Failure where an ExampleGen has not written every example of its source.

    Args:
      written, expected: examples by split.
      source: its name, for the message.
    """
    for split, count in expected.items():
        if written.get(split, 0) != count:
            raise Failure(
                f"ExampleGen: {source} has {count:,} examples of split {split!r}, and "
                f"{written.get(split, 0):,} were written. Run again; if that does not help, choose "
                "another beam.engine."
            )


def check_read(component: str, examples: types.Artifact, read: Mapping[str, int]) -> None:
    """Raises a Failure where a component has not worked on every example of a split.

    Args:
      examples: what it read; those of other ExampleGens do not say how many they are.
      read: examples by split; splits that it does not read may be missing.
    """
    counts = json.loads(examples.get_string_custom_property("counts") or "{}")
    for split, count in read.items():
        if counts.get(split, count) != count:
            raise Failure(
                f"{component}: the ExampleGen wrote {counts[split]:,} examples of split {split!r}, "
                f"and {count:,} were read. Run again; if that does not help, a file is missing or "
                f"replaced: delete {examples.uri}, then run again."
            )
