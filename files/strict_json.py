"""JSON as its standard has it: Python also writes NaN and Infinity, which others cannot read."""

import json
import math
from typing import Any


def text_of(value: Any, **options: Any) -> str:
    """The JSON of a value, with null for each number that is not finite.

    Args:
      options: of `json.dumps`.
    """
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
