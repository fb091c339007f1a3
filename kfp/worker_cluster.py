"""Runs a Job through Kubernetes' API, as the step's own service account."""

import json
import logging
from collections.abc import Callable, Mapping
from time import monotonic, sleep

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from failures import Failure
from kfp.cluster_apis import NAMESPACE_FILE, PASSING
from kfp.worker_job import QUEUE

_LOOK_EVERY = 5.0  # seconds
_LONGEST_SILENCE = 600.0  # seconds that the API may be away, as while a control plane is upgraded
_CALL_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Cluster:
    """A namespace of a cluster.

    Args:
      api: a kubernetes.client.ApiClient.
    """

    def __init__(self, api: client.ApiClient, namespace: str):
        self._jobs, self._core = client.BatchV1Api(api), client.CoreV1Api(api)
        self._namespace = namespace

    @classmethod
    def of_this_pod(cls) -> "Cluster":
        """Raises Failure outside of a pod."""
        try:
            config.load_incluster_config()
            return cls(client.ApiClient(), NAMESPACE_FILE.read_text().strip())
        except (config.ConfigException, OSError) as error:
            raise Failure(
                f"training.workers: this step cannot reach Kubernetes' API ({error}). Give its pod "
                "a service account's token."
            ) from None

    def run(
        self, objects: Mapping[str, dict], while_waiting: Callable[[], None] = lambda: None
    ) -> None:
        """Creates a Service and a Job, and returns when the Job has done its work.

        What is left of an earlier attempt under that name is deleted first, and in the end both
        are, however it ends.

        Args:
          objects: of `worker_job.named`.
          while_waiting: called before the Job is made, and again every few seconds.

        Raises:
          Failure: the Job failed, was deleted, or the API refuses the step or stays away.
        """
        name = objects["job"]["metadata"]["name"]
        self._delete(name)
        try:
            while_waiting()
            self._call(self._core.create_namespaced_service, objects["service"])
            self._call(self._jobs.create_namespaced_job, objects["job"])
            self._follow(name, while_waiting)
        finally:
            self._delete(name, wait=False)

    def _follow(self, name: str, while_waiting: Callable[[], None]) -> None:
        said = None
        while True:
            job = self._call(self._jobs.read_namespaced_job, name)
            if job is None:
                raise Failure(f"the Job {name} was deleted while its workers trained. Run again.")
            status = job.get("status") or {}
            met = {c["type"]: c for c in status.get("conditions") or [] if c["status"] == "True"}
            if "Complete" in met:
                return
            if "Failed" in met:
                why = met["Failed"]
                raise Failure(f"the Job {name} failed: {why.get('reason')}: {why.get('message')}")
            state = _in_words(job, status)
            if state != said:
                _log.info("the Job %s: %s", name, state)
                said = state
            while_waiting()
            sleep(_LOOK_EVERY)

    def _delete(self, name: str, wait: bool = True) -> None:
        """Deletes the Job, its pods and the Service."""
        # In the foreground: it is gone once its pods are.
        options = {"propagation_policy": "Foreground"}
        self._call(self._core.delete_namespaced_service, name)
        self._call(self._jobs.delete_namespaced_job, name, **options)
        until = monotonic() + _LONGEST_SILENCE
        while wait and self._call(self._jobs.read_namespaced_job, name) is not None:
            if monotonic() > until:
                raise Failure(f"the Job {name} of an earlier attempt does not go away. Delete it.")
            sleep(_LOOK_EVERY)

    def _call(self, method: Callable, about, **options) -> dict | None:
        """The answer; None where there is no object of that name. A passing error is waited out.

        Args:
          about: an object's name, or an object to create.
        """
        until, repeated = monotonic() + _LONGEST_SILENCE, False
        given = (self._namespace, about) if isinstance(about, dict) else (about, self._namespace)
        while True:
            try:
                answer = method(
                    *given, _preload_content=False, _request_timeout=_CALL_SECONDS, **options
                )
                return json.loads(answer.data)
            except ApiException as error:
                if error.status == 404 and not isinstance(about, dict):
                    return None
                if error.status == 409 and repeated:
                    return {}  # The call before had its effect, though its answer was lost.
                if error.status not in PASSING or monotonic() > until:
                    raise Failure(_refusal(method, error)) from None
            except urllib3.exceptions.HTTPError as error:
                if monotonic() > until:
                    raise Failure(
                        f"Kubernetes' API does not answer ({type(error).__name__}). Run again: "
                        "the training goes on from its checkpoint."
                    ) from None
            repeated = True
            sleep(_LOOK_EVERY)


def _refusal(method: Callable, error: ApiException) -> str:
    try:
        message = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        message = str(error.reason)
    hint = ""
    if error.status in (401, 403) and "exceeded quota" not in message:
        hint = " `kubectl apply -k kfp/manifests` gives the steps' account the right to."
    return f"Kubernetes refuses {method.__name__} ({error.status}: {message}).{hint}"


def _in_words(job: Mapping, status: Mapping) -> str:
    queue = job["metadata"].get("labels", {}).get(QUEUE)
    if job["spec"].get("suspend"):
        return f"waits in Kueue's queue {queue}" if queue else "is suspended"
    pods, ready, lost = (status.get(key) or 0 for key in ("active", "ready", "failed"))
    words = f"{pods} pods, {ready} of them ready"
    return f"{words}; {lost} were lost and replaced" if lost else words
