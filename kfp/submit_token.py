"""The caller's token, from the environment or from a file that is read for every call.

It is never written, printed or logged, and messages about it do not show it.
"""

import os
from pathlib import Path

from kfp.client.token_credentials_base import TokenCredentialsBase

from failures import Failure
from settings.kubeflow import Kubeflow

_POD_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"


class TokenFile(TokenCredentialsBase):
    """Credentials from a file; the SDK's own class would put a token into a traceback."""

    def __init__(self, file):
        self._file = file

    def refresh_api_key_hook(self, config):
        try:
            text = Path(self._file).read_text(encoding="ascii")
        except OSError as error:
            raise Failure(
                f"{self._file}: {error.strerror}. Write or mount the token there again."
            ) from None
        except UnicodeDecodeError:
            text = ""
        config.api_key["authorization"] = _checked(text.strip(), self._file)


def credentials(kubeflow: Kubeflow):
    """(the token of the environment or "", the credentials of a file or None).

    Raises:
      Failure: the named place holds no token.
    """
    variable = kubeflow.token_variable
    token = os.environ.get(variable, "").strip()
    if token:
        return _checked(token, f"The environment variable {variable}"), None
    file = kubeflow.token_file or os.environ.get("KF_PIPELINES_SA_TOKEN_PATH")
    if not file:
        # With a host given, the SDK does not look for a pod's own token.
        return "", TokenFile(_POD_TOKEN) if is_readable(_POD_TOKEN) else None
    if not is_readable(file):
        named = "kubeflow.token_file" if kubeflow.token_file else "KF_PIPELINES_SA_TOKEN_PATH"
        raise Failure(f"{named}: {file} cannot be read as a file. Mount or write the token.")
    return "", TokenFile(file)


def is_readable(file):
    return os.access(file, os.R_OK) and Path(file).is_file()


def _checked(token, place):
    # Only a header's text: what refuses anything else quotes it, and a traceback would show it.
    if not token or not (token.isascii() and token.isprintable()):
        raise Failure(f"{place} holds no token: one line of ASCII is expected. Set it again.")
    return token
