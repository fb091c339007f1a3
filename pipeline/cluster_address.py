"""The addresses of a Kubeflow server, as the configuration or the environment names them."""

import os

from failures import Failure
from settings.kubeflow import Kubeflow

_API, _UI = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT"


def endpoint(kubeflow: Kubeflow) -> str | None:
    """The API's URL, without a slash at its end; None where none is named."""
    return _complete(kubeflow.endpoint or os.environ.get(_API), _API)


def ui(kubeflow: Kubeflow) -> str | None:
    """The URL that links begin with, without a slash at its end; the API's where none is named."""
    return _complete(kubeflow.ui_endpoint or os.environ.get(_UI), _UI) or endpoint(kubeflow)


def _complete(url: str | None, variable: str) -> str | None:
    if not url:
        return None
    url = (url if "://" in url else f"https://{url}").rstrip("/")
    if "@" in url:  # The configuration refuses it; this one would go into messages and logs.
        raise Failure(
            f"{variable}: the address contains a password or an @. Remove it, and put a token in "
            "the variable that kubeflow.token_variable names."
        )
    return url
