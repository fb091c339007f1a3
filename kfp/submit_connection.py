"""The SDK's client behind one door that waits, repeats calls and reports what to do.

No token is written, printed or logged: kfp.submit_token reads it, and it goes into the
request's header alone.
"""

import dataclasses
import json
import os
import random
import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import kfp_server_api
import urllib3
from kfp.client import Client
from kfp_server_api.exceptions import ApiException

from failures import Failure
from kfp.submit_errors import asked_wait, in_words, message_of, tls_cause
from kfp.submit_token import credentials, is_readable
from settings.kubeflow import KubeflowEndpoint

_IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"
_POD_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_ATTEMPTS = 5
_FIRST_WAIT = 0.5  # seconds; doubled for each further attempt
_LONGEST_WAIT = 30.0
_CONNECT_SECONDS = 10.0
_UNREACHABLE = "Check kubeflow.endpoint (or KF_PIPELINES_ENDPOINT), the network and the proxy."
_PASSING = {429, 500, 502, 503, 504}


class AlreadyExists(Failure):
    """The server has something with that name."""


class NotFound(Failure):
    """The server has nothing with that id."""


class Unclear(Exception):
    """The call may or may not have had its effect; `failure` is what to report in the end."""

    def __init__(self, failure):
        super().__init__(str(failure))
        self.failure = failure


@dataclasses.dataclass(frozen=True)
class Server:
    """A server that answered.

    Attributes:
      client: the SDK's client; its generated interfaces are called through `call`.
      url: of the API, for messages.
      ui: of the pages, for links.
      namespace: on a server with several users, else None.
      hint: what to set when the server refuses the caller.
    """

    client: Client
    url: str
    ui: str
    namespace: str | None
    hint: str
    timeout: float
    sleep: Callable[[float], None]
    spread: Callable[[], float]

    def call(self, method, *arguments, repeatable=True, patient=True, **named):
        """Calls `method`, and repeats the call while that may help.

        Args:
          repeatable: whether a second call is harmless when the first had its effect.
          patient: whether a server that does not answer gets another chance.

        Raises:
          AlreadyExists, NotFound.
          Unclear: a call that is not repeatable was cut off.
          Failure: anything else went wrong.
        """
        named["_request_timeout"] = (min(_CONNECT_SECONDS, self.timeout), self.timeout)
        for attempt in range(_ATTEMPTS):
            sent, wait = True, None
            try:
                answer = method(*arguments, **named)
                self._check_form(method)
                return answer
            except ApiException as error:
                cause, wait = self._understand(error), asked_wait(error, _LONGEST_WAIT)
            except urllib3.exceptions.HTTPError as error:
                cause = Failure(f"{self.url} {in_words(error)}. {_UNREACHABLE}")
                sent = not isinstance(error, urllib3.exceptions.ConnectTimeoutError)
                if not patient and isinstance(error, urllib3.exceptions.TimeoutError):
                    raise cause from None
            except AttributeError as error:
                # The generated client fails on errors that come without a body.
                if not isinstance(error.__context__, ApiException):
                    raise
                raise self._final(error.__context__, message_of(error.__context__)) from None
            if sent and not repeatable:
                raise Unclear(cause)
            if attempt < _ATTEMPTS - 1:
                self.pause(attempt, wait)
        raise cause

    def _check_form(self, method):
        """A login page answers 200 as well, and the client returns an empty object for it."""
        if not method.__self__.api_client.last_response.data.lstrip().startswith("{"):
            raise self.stranger()

    def stranger(self):
        """The Failure for an answer that does not come from Kubeflow Pipelines."""
        return Failure(
            f"{self.url} answers, but not as Kubeflow Pipelines does. Check kubeflow.endpoint: "
            f"it may be the address of a page or of a login. {self.hint}"
        )

    def create(self, find, create):
        """What `find` finds, else what `create` makes: exactly one, whatever is cut off.

        Args:
          find: callable; returns the thing or None.
          create: callable; makes it with a call that is not repeatable.
        """
        cause = None
        for attempt in range(_ATTEMPTS):
            found = find()
            if found is not None:
                return found
            try:
                return create()
            except AlreadyExists as error:
                cause = error
            except Unclear as error:
                cause = error.failure
            self.pause(attempt, None)
        raise cause

    def pages(self, method, items, **named):
        """Everything that a list call returns, over all its pages."""
        token, everything = "", []
        while True:
            page = self.call(method, page_size=100, page_token=token, **named)
            everything += getattr(page, items) or []
            token = page.next_page_token
            if not token:
                return everything

    def find(self, method, items, name, **where):
        """The one thing of that name that a list call finds, or None.

        Raises:
          Failure: there are several.
        """
        found = self.pages(method, items, filter=named(name), **where)
        if len(found) > 1:
            what = items.replace("_", " ")
            raise Failure(
                f"{self.url} has {len(found)} {what} named {name}. Rename or delete all but one."
            )
        return found[0] if found else None

    def id_of(self, thing, attribute):
        """The thing's id; the answer of another service has none."""
        value = getattr(thing, attribute, None)
        if not value:
            raise self.stranger()
        return value

    @property
    def in_namespace(self):
        return {"namespace": self.namespace} if self.namespace else {}

    def pause(self, attempt, asked):
        wait = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * (0.5 + self.spread())
        self.sleep(asked if asked is not None else wait)

    def _understand(self, error):
        """The Failure for a status that may pass; raises what is final."""
        message = message_of(error)
        if error.status == 409 or "already exist" in message.lower():
            raise AlreadyExists(
                f"{self.url} already has this, but does not show it here: {message}. "
                "Look whether another namespace has it."
            ) from None
        if error.status == 404:
            raise NotFound(
                f"{self.url} does not have it (404): {message}. Look whether it was deleted, and "
                "whether kubeflow.namespace and kubeflow.experiment are right."
            ) from None
        # Argo refuses the workflow made of a package: that never passes.
        if error.status in _PASSING and "failed to validate" not in message.lower():
            return Failure(
                f"{self.url} answered {error.status} {_ATTEMPTS} times: {message}. "
                "Look at the log of its ml-pipeline pod, or try again later."
            )
        raise self._final(error, message) from None

    def _final(self, error, message):
        if error.status == 0:
            return Failure(
                f"{self.url}: the certificate is not accepted: {tls_cause(error)}. "
                "Set kubeflow.ca_file to the certificates that it is signed by."
            )
        if error.status == 401:
            return Failure(f"{self.url} does not accept the caller (401). {self.hint}")
        if error.status in range(300, 400):
            return Failure(f"{self.url} redirects to a login page ({error.status}). {self.hint}")
        if error.status == 403:
            where = f" in namespace {self.namespace}" if self.namespace else ""
            return Failure(
                f"{self.url} does not allow this{where} (403): {message}. "
                "Ask for the right to it, or set kubeflow.namespace to one that is yours."
            )
        return Failure(f"{self.url} refuses this ({error.status}): {message}. Fix what it names.")


def named(name):
    """The filter of a list call for one exact name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})


class _Client(Client):
    """The SDK's client, whose constructor would call the server, repeat and log by itself."""

    def get_kfp_healthz(self, sleep_duration=5):
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)


def connect(
    endpoint: KubeflowEndpoint, environment=os.environ, sleep=time.sleep, spread=random.random
):
    """The server that the configuration or the environment names, once it has answered.

    Args:
      environment: KF_PIPELINES_ENDPOINT, KF_PIPELINES_UI_ENDPOINT, KFP_NAMESPACE,
        KF_PIPELINES_SA_TOKEN_PATH and the variable of `token_variable` are read.
      spread: returns 0..1, which keeps callers from repeating in step.

    Raises:
      Failure: no server is named, it does not answer, or it refuses the caller.
    """
    url = _url(endpoint, environment)
    token, from_file = credentials(endpoint, environment)
    _check_certificates(endpoint.ca_file)
    client = _client(url, endpoint, token, from_file)
    ui = endpoint.ui_endpoint or environment.get("KF_PIPELINES_UI_ENDPOINT") or url
    hint = (
        f"Set the environment variable {endpoint.token_variable} to a valid token, or "
        "kubeflow.token_file to a file that holds one."
    )
    server = Server(
        client, url, ui.rstrip("/"), None, hint, endpoint.timeout_seconds, sleep, spread
    )
    if _has_several_users(server):
        server = dataclasses.replace(server, namespace=_namespace(endpoint, environment, url))
    return server


def _url(endpoint, environment):
    url = endpoint.endpoint or environment.get("KF_PIPELINES_ENDPOINT")
    if not url and "KUBERNETES_SERVICE_HOST" in environment:
        url = _IN_CLUSTER
    if not url:
        raise Failure(
            "No Kubeflow Pipelines server is named. Set kubeflow.endpoint in the configuration, "
            "or the environment variable KF_PIPELINES_ENDPOINT."
        )
    url = (url if "://" in url else f"https://{url}").rstrip("/")
    if "@" in url:  # The configuration refuses it; this one would go into messages and logs.
        raise Failure(
            "KF_PIPELINES_ENDPOINT: the address contains a password or an @. Remove it, and put "
            f"a token in {endpoint.token_variable}."
        )
    return url


def _check_certificates(file):
    try:
        if file is not None:
            ssl.create_default_context(cafile=file)
    except OSError as error:
        cause = "holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise Failure(
            f"kubeflow.ca_file: {file}: {cause}. Name the file of the certificates, as PEM."
        ) from None


def _client(url, endpoint, token, from_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # About servers older than 2.0.
        client = _Client(
            host=url,
            existing_token=token or None,
            credentials=from_file,
            ssl_ca_cert=endpoint.ca_file,
            ui_host=endpoint.ui_endpoint,
        )
    # `call` alone repeats; urllib3 would repeat at once, three times, and log each attempt.
    rest = client.runs.run_service_get_run.__self__.api_client.rest_client
    rest.pool_manager.connection_pool_kw["retries"] = False
    return client


def _has_several_users(server):
    try:
        health = server.call(server.client.healthzs.healthz_service_get_healthz, patient=False)
    except NotFound:
        raise Failure(
            f"{server.url} is not a Kubeflow Pipelines API (404). {_UNREACHABLE}"
        ) from None
    return health.multi_user is True


def _namespace(endpoint, environment, url):
    namespace = endpoint.namespace or environment.get("KFP_NAMESPACE")
    if not namespace and is_readable(_POD_NAMESPACE):
        namespace = Path(_POD_NAMESPACE).read_text().strip()
    if not namespace:
        raise Failure(
            f"{url} serves several users. Set kubeflow.namespace, or KFP_NAMESPACE, to yours."
        )
    return namespace
