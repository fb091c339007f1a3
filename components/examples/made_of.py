"""Which data something is made of, passed on from Examples as far as a pushed model's record.

The record then says it where no ML Metadata outlives the run. Needs neither TFX nor TensorFlow.
"""

import json
from collections.abc import Mapping
from typing import Any

from components.spans.reading import PROPERTY as SPANS
from components.spans.reading import facts_in
from files.strict_json import text_of

DATA = "data"  # the custom property
_OF_EXAMPLES = ("dataset", "fingerprint", "snapshot")


def pass_on(made_of, artifact) -> None:
    """Says of an artifact which data, and which spans of it, it is made of.

    Args:
      made_of: an Examples artifact, or one that is made of it and says so.
    """
    given = {name: made_of.get_string_custom_property(name) for name in (DATA, SPANS)}
    if not given[DATA]:
        facts = {name: made_of.get_string_custom_property(name) for name in _OF_EXAMPLES}
        counts = json.loads(made_of.get_string_custom_property("counts") or "{}")
        given[DATA] = text_of({n: v for n, v in facts.items() if v} | {"counts": counts})
    for name, text in given.items():
        if text:
            artifact.set_string_custom_property(name, text)


def data_in(properties: Mapping[str, str]) -> dict[str, Any]:
    """What `pass_on` left: `dataset`, `fingerprint`, `counts`, `snapshot`, `spans`; or {}."""
    spans = {"spans": facts_in(properties[SPANS])} if SPANS in properties else {}
    return json.loads(properties.get(DATA, "{}")) | spans
