"""BigQuery's errors in words, and the waiting for those that pass by themselves."""

import os
import random
import threading
import time

import google.auth.exceptions
import pyarrow as pa
import requests.exceptions
from google.api_core import exceptions
from google.rpc.error_details_pb2 import RetryInfo

from components.examples.picture_files import shown
from failures import Failure
from settings.bigquery_source import BigquerySource

_DROPPED = (
    exceptions.ServerError,  # unavailable, deadline exceeded, internal, unknown
    exceptions.Aborted,
    exceptions.Cancelled,
    google.auth.exceptions.TransportError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
)
_THROTTLED = exceptions.TooManyRequests  # of gRPC, RESOURCE_EXHAUSTED
_QUOTAS = {"quotaExceeded", "rateLimitExceeded", "billingTierLimitExceeded"}
_DENIED = {"accessDenied", "forbidden", "insufficientPermissions"}
_LONGEST_WAIT = 30.0  # seconds
_LONGEST_CAUSE = 300  # characters
_WAY_TO_CREDENTIALS = (
    "Set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or give the "
    "machine a service account"
)


class Patience:
    """Waits ever longer between tries; it ends where nothing has come for too long."""

    def __init__(self, seconds: float, stopped: threading.Event):
        self._seconds, self._stopped = seconds, stopped
        self.reset()

    def reset(self) -> None:
        """Something has come."""
        self._tries, self._until = 0, None

    def wait(self, error: Exception) -> None:
        """Waits before another try; raises the error where that would be of no use."""
        if not _passes(error):
            raise error
        now = time.monotonic()
        self._until = self._until or now + self._seconds
        wait = _asked_wait(error)
        if wait is None:
            wait = min(0.1 * 2**self._tries, _LONGEST_WAIT) * random.uniform(0.5, 1)
        self._tries += 1
        if now + wait > self._until:
            raise error
        self._stopped.wait(wait)


def _passes(error: Exception) -> bool:
    if isinstance(error, exceptions.MethodNotImplemented | exceptions.DataLoss):
        return False
    return isinstance(error, (*_DROPPED, _THROTTLED))


def _asked_wait(error: Exception) -> float | None:
    """Seconds that the server itself asks to wait for."""
    for detail in getattr(error, "details", None) or ():
        if isinstance(detail, RetryInfo):
            return detail.retry_delay.ToTimedelta().total_seconds()
    return None


def failure_of(error: Exception, name: str, source: BigquerySource) -> Failure | None:
    """The error in one line; None for one that is a defect of this project.

    Args:
      name: of the table, or of the query.
    """
    if isinstance(error, exceptions.RetryError):  # The client's own tries ended.
        error = error.cause or error
    explained = _of_the_way_there(error, source) or _of_what_is_asked(error, source)
    return explained and Failure(f"{shown(name)}: {': '.join(explained[:-1])}. {explained[-1]}.")


def _of_the_way_there(error: Exception, source: BigquerySource) -> tuple[str, ...] | None:
    """What is wrong, its cause and the next step, where the request itself is not to blame."""
    cause = _cause(error)
    tried = f"and {source.retry_seconds:g} seconds of trying again did not help"
    endpoints = "Check the network, data.api_endpoint and data.storage_endpoint, then run again"
    if isinstance(error, requests.exceptions.JSONDecodeError | pa.ArrowException):
        return "the server that answers is not BigQuery", cause, endpoints
    if isinstance(error, google.auth.exceptions.TransportError):
        what = "the server that checks the credentials cannot be reached"
        return what, cause, "Check the network, then run again"
    if isinstance(error, google.auth.exceptions.GoogleAuthError | exceptions.Unauthorized):
        file = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        why = f" (GOOGLE_APPLICATION_CREDENTIALS is {shown(file)}: {cause})" if file else ""
        return f"no valid credentials were found{why}", _WAY_TO_CREDENTIALS
    if isinstance(error, _THROTTLED):
        next_step = "Run again later, lower data.streams, or raise data.retry_seconds"
        return f"BigQuery throttles (RESOURCE_EXHAUSTED), {tried}", cause, next_step
    if _passes(error):
        return f"BigQuery cannot be reached or drops connections, {tried}", cause, endpoints
    return None


def _of_what_is_asked(error: Exception, source: BigquerySource) -> tuple[str, ...] | None:
    if not isinstance(error, exceptions.GoogleAPICallError):
        return None
    cause, reasons = _cause(error), _reasons(error)
    if reasons & _QUOTAS:
        return "a quota of BigQuery is used up", cause, "Raise it, or run again later"
    if isinstance(error, exceptions.Forbidden) and reasons <= _DENIED:
        roles = "bigquery.dataViewer and bigquery.readSessionUser"
        roles += " and bigquery.jobUser" if source.query is not None else ""
        return "access is denied", cause, f"Grant the roles {roles}"
    if "session" in cause.lower() and "expired" in cause.lower():
        next_step = "Run again, closer to the data or with fewer rows"
        return "the read session expired before all rows were read", cause, next_step
    given = ("table", "query", "where", "snapshot")
    keys = " or ".join(f"data.{key}" for key in given if getattr(source, key) is not None)
    is_gone = isinstance(error, exceptions.NotFound)
    what = "there is no such table, or it was removed while it was read"
    return what if is_gone else "BigQuery refuses", cause, f"Correct {keys}, then run again"


def _reasons(error: Exception) -> set[str]:
    return {one.get("reason", "") for one in getattr(error, "errors", ()) if isinstance(one, dict)}


def _cause(error: Exception) -> str:
    text = shown(" ".join(str(getattr(error, "message", None) or error).split()))
    text = text if len(text) <= _LONGEST_CAUSE else f"{text[: _LONGEST_CAUSE - 1]}…"
    return text.rstrip(".")
