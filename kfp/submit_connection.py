"""Finds and signs in to the server that a configuration or the environment names.

No token is written, printed or logged: kfp.submit_token reads it, and it goes into the
request's header alone.
"""

import dataclasses
import os
import ssl
import warnings

import kfp_server_api
from kfp.client import Client

from failures import Failure
from kfp.api_server import UNREACHABLE, NotFound, Server
from kfp.cluster_apis import NAMESPACE_FILE
from kfp.submit_token import credentials, is_readable
from pipeline.cluster_address import endpoint, ui
from settings.kubeflow import Kubeflow

_IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"


class _Client(Client):
    """The SDK's client, whose constructor would call the server, repeat and log by itself."""

    def get_kfp_healthz(self, sleep_duration=5):
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)


def connect(kubeflow: Kubeflow):
    """The server that the configuration or the environment names, once it has answered.

    The environment is KF_PIPELINES_ENDPOINT, KF_PIPELINES_UI_ENDPOINT, KFP_NAMESPACE,
    KF_PIPELINES_SA_TOKEN_PATH and the variable of `token_variable`.

    Raises:
      Failure: no server is named, it does not answer, or it refuses the caller.
    """
    url = _url(kubeflow)
    token, from_file = credentials(kubeflow)
    _check_certificates(kubeflow.ca_file)
    client = _client(url, kubeflow, token, from_file)
    hint = (
        f"Set the environment variable {kubeflow.token_variable} to a valid token, or "
        "kubeflow.token_file to a file that holds one."
    )
    server = Server(client, url, ui(kubeflow) or url, None, hint, kubeflow.timeout_seconds)
    if _has_several_users(server):
        server = dataclasses.replace(server, namespace=_namespace(kubeflow, url))
    return server


def _url(kubeflow):
    url = endpoint(kubeflow)
    if not url and "KUBERNETES_SERVICE_HOST" in os.environ:
        url = _IN_CLUSTER
    if not url:
        raise Failure(
            "No Kubeflow Pipelines server is named. Set kubeflow.endpoint in the configuration, "
            "or the environment variable KF_PIPELINES_ENDPOINT."
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


def _client(url, kubeflow, token, from_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # About servers older than 2.0.
        client = _Client(
            host=url,
            existing_token=token or None,
            credentials=from_file,
            ssl_ca_cert=kubeflow.ca_file,
            ui_host=kubeflow.ui_endpoint,
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
            f"{server.url} is not a Kubeflow Pipelines API (404). {UNREACHABLE}"
        ) from None
    return health.multi_user is True


def _namespace(kubeflow, url):
    namespace = kubeflow.namespace or os.environ.get("KFP_NAMESPACE")
    if not namespace and is_readable(NAMESPACE_FILE):
        namespace = NAMESPACE_FILE.read_text().strip()
    if not namespace:
        raise Failure(
            f"{url} serves several users. Set kubeflow.namespace, or KFP_NAMESPACE, to yours."
        )
    return namespace
