"""Where two configurations differ, key by key."""

import json


def changed_keys(before, now):
    """[(dotted key, value before, value now)] as text; "not set" where a key is missing."""
    ours, theirs = dict(_flat(now)), dict(_flat(before))
    return [
        (key, _text(theirs, key), _text(ours, key))
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key, _MISSING) != theirs.get(key, _MISSING)
    ]


_MISSING = object()


def _flat(value, prefix=""):
    if not isinstance(value, dict) or (not value and prefix):
        yield prefix, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))


def _text(flat, key):
    return json.dumps(flat[key], ensure_ascii=False) if key in flat else "not set"
