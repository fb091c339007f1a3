"""Errors of the SDK and of urllib3 in plain words."""

import json

import urllib3


def message_of(error):
    """The server's message, in one line."""
    body = error.body or error.reason or ""
    try:
        parts = json.loads(body)
        body = next(parts[key] for key in ("message", "error_message", "error") if parts.get(key))
    except (ValueError, AttributeError, TypeError, StopIteration):
        pass
    lines = str(body).split("\n")
    return lines[0].strip().rstrip(".")[:300] or "no reason given"


def tls_cause(error):
    """Why a certificate is refused, without the exception's name."""
    reason = str(error.reason or "").strip().splitlines()[-1:] or ["no reason given"]
    return reason[0].partition("] ")[2].partition(" (_ssl")[0] or reason[0]


def asked_wait(error, most):
    """Seconds that the server asks to wait, at most `most`, or None."""
    asked = (error.headers or {}).get("Retry-After", "")
    return min(float(asked), most) if asked.isdigit() else None


def in_words(error):
    """Why no answer came; the words follow the address."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "is an unknown host"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "cannot be reached"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "does not answer in time"
    return "cut the connection"
