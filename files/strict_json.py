"""JSON as its standard has it: Python also writes NaN, Infinity and halves of characters.

Others refuse a whole file for one of them.
"""

import json
import math
import re
from typing import Any

# In JSON that is ASCII, what halves of characters look like, and whole ones of the higher planes.
_MAY_BE_HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)


def text_of(value: Any, **options: Any) -> str:
    r"""The JSON of a value, with null for each number that is not finite.

    Bytes of a file's name that are not text, which Python holds as halves of characters, become
    the text "\udc80" to "\udcff".

    Args:
      options: of `json.dumps`.
    """
    try:
        text = json.dumps(value, allow_nan=False, **options)
        if _is_strict(text):
            return text
    except ValueError:
        pass
    return json.dumps(_strict(value), allow_nan=False, **options)


def _is_strict(text: str) -> bool:
    if not text.isascii():
        return _whole(text) == text
    # The search alone takes 0.1 µs a character, which base64 has many of.
    return "\\u" not in text or not _MAY_BE_HALF.search(text)


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        # A key that is a number is text in JSON, whatever the number.
        return {
            _whole(key) if isinstance(key, str) else key: _strict(one) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_strict(one) for one in value]
    if isinstance(value, str):
        return _whole(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
