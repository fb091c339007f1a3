"""Runs Jobs through Kubernetes' API, as the step's own service account."""

import contextlib
import copy
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from time import monotonic, sleep
from typing import NamedTuple

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from failures import Failure
from kfp.cluster_apis import NAMESPACE_FILE, PASSING, TOKEN_FILE, account_of
from kfp.indexed_job import QUEUE

_LOOK_EVERY = 5.0  # seconds
_LONGEST_SILENCE = 600.0  # seconds that the API may be away, as while a control plane is upgraded
_CALL_SECONDS = 30.0
_WITH_RIGHTS = "pipeline-runner"  # the account that kfp/manifests/workers.yaml names
_log = logging.getLogger(__name__)


class State(NamedTuple):
    """How a Job that has not ended is."""

    words: str
    is_suspended: bool  # It has no pods yet, as in a queue.


class Cluster:
    """A namespace of a cluster.

    Args:
      api: a kubernetes.client.ApiClient.
      account: the service account of pods for which nothing else names one; None for the
        namespace's `default`.
    """

    def __init__(self, api: client.ApiClient, namespace: str, account: str | None = None):
        self._jobs, self._core = client.BatchV1Api(api), client.CoreV1Api(api)
        self._namespace, self._account = namespace, account
        self._create = {
            "Service": self._core.create_namespaced_service,
            "Job": self._jobs.create_namespaced_job,
        }

    @classmethod
    def of_this_pod(cls) -> "Cluster":
        """This pod's namespace, in which further pods run as the account that this one has.

        Raises:
          Failure: this is no pod.
        """
        try:
            config.load_incluster_config()
            namespace, token = NAMESPACE_FILE.read_text().strip(), TOKEN_FILE.read_text().strip()
            return cls(client.ApiClient(), namespace, account_of(token))
        except (config.ConfigException, OSError) as error:
            raise Failure(
                f"This step makes pods and cannot reach Kubernetes' API ({error}). Give its own "
                "pod a service account's token."
            ) from None

    def run(
        self, objects: Mapping[str, dict], while_waiting: Callable[[], None] = lambda: None
    ) -> None:
        """Creates a Service and a Job, and returns when the Job has done its work.

        Args:
          objects: of `worker_job.named`.
          while_waiting: called every few seconds.

        Raises:
          Failure: the Job failed, was deleted, or the API refuses the step or stays away.
        """
        [name] = names_of(objects, "Job")
        with self.created(objects):
            said = None
            while (state := self.look_at(name)) is not None:
                if state != said:
                    _log.info("the Job %s: %s", name, state.words)
                    said = state
                while_waiting()
                sleep(_LOOK_EVERY)

    @contextlib.contextmanager
    def created(self, objects: Mapping[str, dict]) -> Iterator[None]:
        """Creates a Service and its Jobs for the time of the `with`.

        What is left of an earlier attempt under those names is deleted first, and in the end all of
        it is, however the block ends.

        Raises:
          Failure: the API refuses the step or stays away.
        """
        self._delete(objects)
        try:
            # The Service first, as pods look for its names.
            for document in sorted(objects.values(), key=lambda one: one["kind"] == "Job"):
                self._call(self._create[document["kind"]], self._with_account(document))
            yield
        finally:
            try:
                self._delete(objects, wait=False)
            except Failure as failure:  # What the block did or raised counts for more.
                _log.warning("%s The pods are deleted with this one.", failure)

    def look_at(self, name: str) -> State | None:
        """How a Job is; None once it has done its work.

        Raises:
          Failure: the Job failed or is gone, or the API refuses the step or stays away.
        """
        job = self._call(self._jobs.read_namespaced_job, name)
        if job is None:
            raise Failure(f"the Job {name} was deleted while the training needed it. Run again.")
        status = job.get("status") or {}
        met = {c["type"]: c for c in status.get("conditions") or [] if c["status"] == "True"}
        if "Failed" in met:
            why = met["Failed"]
            raise Failure(f"the Job {name} failed: {why.get('reason')}: {why.get('message')}")
        return None if "Complete" in met else _state(job, status)

    def _with_account(self, document: Mapping) -> dict:
        """The object; its pods have an account, with the rights and image pull secrets of that."""
        made = copy.deepcopy(dict(document))
        if self._account and made["kind"] == "Job":
            made["spec"]["template"]["spec"].setdefault("serviceAccountName", self._account)
        return made

    def _delete(self, objects: Mapping[str, dict], wait: bool = True) -> None:
        """Deletes the Service, and the Jobs with their pods."""
        # In the foreground: a Job is gone once its pods are.
        options = {"propagation_policy": "Foreground"}
        for name in names_of(objects, "Service"):
            self._call(self._core.delete_namespaced_service, name)
        for name in names_of(objects, "Job"):
            self._call(self._jobs.delete_namespaced_job, name, **options)
        until = monotonic() + _LONGEST_SILENCE
        for name in names_of(objects, "Job") if wait else ():
            while self._call(self._jobs.read_namespaced_job, name) is not None:
                if monotonic() > until:
                    raise Failure(
                        f"the Job {name} of an earlier attempt does not go away. Delete it."
                    )
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
                said = _status_of(error)
                if repeated and said.get("reason") == "AlreadyExists":
                    return {}  # The call before had its effect, though its answer was lost.
                if not _is_passing(error, said) or monotonic() > until:
                    raise Failure(_refusal(method, error, said, self._account)) from None
            except urllib3.exceptions.HTTPError as error:
                if monotonic() > until:
                    raise Failure(
                        f"Kubernetes' API does not answer ({type(error).__name__}). Run again: "
                        "the training goes on from its checkpoint."
                    ) from None
            repeated = True
            sleep(_LOOK_EVERY)


def names_of(objects: Mapping[str, dict], kind: str) -> list[str]:
    """The names of the objects of a kind, as "Job"."""
    return [one["metadata"]["name"] for one in objects.values() if one["kind"] == kind]


def _status_of(error: ApiException) -> dict:
    """The Status object of an answer; without a message of its own, HTTP's."""
    try:
        return {"message": str(error.reason), **json.loads(error.body)}
    except (TypeError, ValueError):
        return {"message": str(error.reason)}


def _is_passing(error: ApiException, said: Mapping) -> bool:
    # Of objects that are created at once, one loses the race for the ResourceQuota's counts.
    lost_a_race = error.status == 409 and "resourcequotas" in said["message"]
    return error.status in PASSING or lost_a_race


def _refusal(method: Callable, error: ApiException, said: Mapping, account: str | None) -> str:
    message, hint = said["message"], ""
    if error.status in (401, 403) and "exceeded quota" not in message:
        account = account or _WITH_RIGHTS
        once = "" if account == _WITH_RIGHTS else " once workers.yaml there names that account"
        hint = f" `kubectl apply -k kfp/manifests` gives {account} the right to{once}."
    return f"Kubernetes refuses {method.__name__} ({error.status}: {message}).{hint}"


def _state(job: Mapping, status: Mapping) -> State:
    queue = job["metadata"].get("labels", {}).get(QUEUE)
    if job["spec"].get("suspend"):
        return State(f"waits in Kueue's queue {queue}" if queue else "is suspended", True)
    pods, ready, lost = (status.get(key) or 0 for key in ("active", "ready", "failed"))
    words = f"{pods} pods, {ready} of them ready"
    return State(f"{words}; {lost} were lost and replaced" if lost else words, False)
