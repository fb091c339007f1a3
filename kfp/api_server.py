"""A Kubeflow Pipelines server, whose calls wait, are repeated, and say what to do.

What is created under a name exists once, whatever call is cut off.
"""

import dataclasses
import random
from time import sleep

import urllib3
from kfp.client import Client
from kfp_server_api.exceptions import ApiException

from failures import Failure
from files.strict_json import text_of
from kfp.cluster_apis import PASSING
from kfp.submit_errors import asked_wait, in_words, message_of, tls_cause

UNREACHABLE = "Check kubeflow.endpoint (or KF_PIPELINES_ENDPOINT), the network and the proxy."
_ATTEMPTS = 5
_FIRST_WAIT = 0.5  # seconds; doubled for each further attempt
_LONGEST_WAIT = 30.0
_CONNECT_SECONDS = 10.0


class AlreadyExists(Failure):
    """The server has something with that name."""


class NotFound(Failure):
    """The server has nothing with that id."""


class Away(Failure):
    """Kubeflow Pipelines did not answer; the same call may succeed later."""


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
      timeout: seconds for one call.
    """

    client: Client
    url: str
    ui: str
    namespace: str | None
    hint: str
    timeout: float

    def call(self, method, *arguments, repeatable=True, patient=True, **named):
        """Calls `method`, and repeats the call while that may help.

        Args:
          repeatable: whether a second call is harmless when the first had its effect.
          patient: whether a server that does not answer gets another chance.

        Raises:
          AlreadyExists, NotFound.
          Unclear: a call that is not repeatable was cut off.
          Away: no attempt got an answer of Kubeflow Pipelines.
          Failure: anything else went wrong.
        """
        named["_request_timeout"] = (min(_CONNECT_SECONDS, self.timeout), self.timeout)
        for attempt in range(_ATTEMPTS):
            sent, wait = True, None
            try:
                answer = method(*arguments, **named)
                # A login page answers 200 as well, and the client makes an empty object of it.
                if not method.__self__.api_client.last_response.data.lstrip().startswith("{"):
                    raise self.stranger()
                return answer
            except (ApiException, AttributeError) as error:
                # The generated client itself fails on errors that come without a body.
                refusal = error if isinstance(error, ApiException) else error.__context__
                if not isinstance(refusal, ApiException):
                    raise
                cause = self._refused(refusal)
                if not _may_pass(refusal):
                    raise cause from None
                wait = asked_wait(refusal, _LONGEST_WAIT)
            except urllib3.exceptions.HTTPError as error:
                cause = Away(f"{self.url} {in_words(error)}. {UNREACHABLE}")
                sent = not isinstance(error, urllib3.exceptions.ConnectTimeoutError)
                if not patient and isinstance(error, urllib3.exceptions.TimeoutError):
                    raise cause from None
            if sent and not repeatable:
                raise Unclear(cause)
            if attempt < _ATTEMPTS - 1:
                pause(attempt, wait)
        raise cause

    def get(self, path, **query) -> bytes:
        """The body of an answer for which the SDK has no method; empty where there is none."""
        api = self.client.runs.run_service_get_run.__self__.api_client
        try:
            answer = api.call_api(
                path,
                "GET",
                query_params=list(query.items()),
                auth_settings=["Bearer"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=self.timeout,
            )
            return answer.data
        # The generated client itself fails on errors that come without a body.
        except (ApiException, AttributeError, urllib3.exceptions.HTTPError):
            return b""  # It is gone, it is not for this caller, or it was cut off.

    def kubectl(self, words):
        """The command with which a person asks Kubernetes itself."""
        return f"`kubectl -n {self.namespace or 'kubeflow'} {words}`"

    def stranger(self):
        """The Away for an answer that does not come from Kubeflow Pipelines."""
        return Away(
            f"{self.url} answers, but not as Kubeflow Pipelines does. Check kubeflow.endpoint: "
            f"it may be the address of a page or of a login. {self.hint}"
        )

    def ensure(self, kind, name, listing, where, create, /, *arguments, surplus=None, **fields):
        """Finds or creates the one thing of a name, whatever is cut off.

        Args:
          kind: as in "pipeline_version".
          listing, where: the method that lists such things, and its arguments.
          create, arguments, fields: the method that creates it, and its arguments.
          surplus: what to do with a second one, where only calls that were cut off can make one.

        Returns:
          (the thing, whether it was created).
        """
        cause = None
        for attempt in range(_ATTEMPTS):
            found = self.find(listing, f"{kind}s", name, surplus, **where)
            try:
                thing = found or self.call(create, *arguments, repeatable=False, **fields)
                self.id_of(thing, f"{kind}_id")
                return thing, found is None
            except AlreadyExists as error:
                cause = error
            except Unclear as error:
                cause = error.failure
            pause(attempt)
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

    def find(self, method, items, name, surplus=None, **where):
        """The one thing of that name that a list call finds, or None.

        Raises:
          Failure: there are several, and no `surplus` takes all but the first of them.
        """
        found = self.pages(method, items, filter=named(name), **where)
        for one in found[1:] if surplus else ():
            surplus(one)
        if len(found) > 1 and not surplus:
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

    def _refused(self, error):
        """The Failure for an answer that refuses the call."""
        message, status = message_of(error), error.status
        if status == 409 or "already exist" in message.lower():
            return AlreadyExists(
                f"{self.url} already has this, but does not show it here: {message}. "
                "Look whether another namespace has it."
            )
        if status == 404 and not (error.body or "").lstrip().startswith("{"):
            return self.stranger()  # A proxy in front of it that has no route to it.
        if status == 404:
            return NotFound(
                f"{self.url} does not have it (404): {message}. Look whether it was deleted, and "
                "whether kubeflow.namespace and kubeflow.experiment are right."
            )
        where = f" in namespace {self.namespace}" if self.namespace else ""
        if _may_pass(error):
            return Away(
                f"{self.url} answered {status} {_ATTEMPTS} times: {message}. Look at the log of "
                "its ml-pipeline pod, or try again later."
            )
        if status == 0:
            said = (
                f": the certificate is not accepted: {tls_cause(error)}. Set kubeflow.ca_file to "
                "the certificates that it is signed by."
            )
        elif status == 401:
            said = f" does not accept the caller (401). {self.hint}"
        elif status in range(300, 400):
            said = f" redirects to a login page ({status}). {self.hint}"
        elif status == 403:
            said = (
                f" does not allow this{where} (403): {message}. Ask for the right to it, or set "
                "kubeflow.namespace to one that is yours."
            )
        else:
            said = f" refuses this ({status}): {message}. Fix what it names."
        return Failure(self.url + said)


def _may_pass(error):
    # Argo refuses the workflow made of a package: that never passes.
    final = ("already exist", "failed to validate")
    message = message_of(error).lower()
    return error.status in PASSING and not any(text in message for text in final)


def pause(attempt, asked=None):
    """Waits before another attempt: as long as the server asked, else longer each time."""
    wait = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * (0.5 + random.random())
    sleep(wait if asked is None else asked)


def named(name):
    """The filter of a list call for one exact name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return text_of({"predicates": [predicate]})
