"""A step's log in the artifact store, where Kubeflow's launcher puts it; it outlives the pod.

Its address is `<pipeline root>/<pipeline>/<run>/<step>/<uuid>/executor-logs-<attempt>`, before
Kubeflow 2.17 without the attempt (kubeflow/pipelines: GetPipeline in metadata/client.go,
provisionOutputs in driver.go, qualifyExecutorLogsForRetry in launcher_v2.go).
"""

import os
from typing import NamedTuple

from files.buckets import objects
from files.buckets.errors import BucketError
from kfp.entrypoint import LOG_OUTPUT

# Where artifacts go unless a run or the cluster's kfp-launcher says otherwise (config/env.go).
DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"
MOST_BYTES = 1_000_000  # of a log; its end is what counts


class Log(NamedTuple):
    """A log: its address in the store, with the store's own scheme, and the end of its text."""

    address: str
    text: str


def uploaded_log(root, pipeline, run_id, step) -> Log | None:
    """The log of the step's last attempt that left one, or None.

    Args:
      root: the pipeline root of the run, or None for the default.

    Raises:
      BucketError: the store cannot be asked; its `strerror` says what to do.
    """
    root = (root or DEFAULT_ROOT).partition("?")[0].rstrip("/")  # A query names an endpoint.
    above = f"{root}/{pipeline}/{run_id}/{step}"
    logs = [
        f"{above}/{folder}{name}"
        for folder in objects.children(_opened_as(above))
        if folder.endswith("/")
        for name in objects.children(_opened_as(f"{above}/{folder}"))
        if name.startswith(LOG_OUTPUT)
    ]
    if not logs:
        return None
    last = max(logs, key=_attempt)
    size = objects.head(_opened_as(last)).size
    text = objects.read(_opened_as(last), max(0, size - MOST_BYTES), size)
    return Log(last, text.decode(errors="replace"))


def _attempt(address):
    number = address.rpartition(f"{LOG_OUTPUT}-")[2]
    return int(number) if number.isdecimal() else -1


def _opened_as(address):
    """The address by which a self-hosted store can be opened: minio:// is S3 at an endpoint."""
    if not address.startswith("minio://"):
        return address
    # Without an endpoint, this would be somebody's bucket at AWS.
    if not (os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")):
        raise BucketError("set AWS_ENDPOINT_URL to the address of the cluster's store")
    return f"s3://{address.removeprefix('minio://')}"
