"""What the APIs of Kubernetes and of Kubeflow Pipelines have in common."""

import base64
import json
import re
from pathlib import Path

PASSING = frozenset({429, 500, 502, 503, 504})  # statuses after which the same call may succeed
_OF_THIS_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NAMESPACE_FILE, TOKEN_FILE = _OF_THIS_POD / "namespace", _OF_THIS_POD / "token"
_ACCOUNT = re.compile(r"system:serviceaccount:[^:]+:([^:]+)")


def account_of(token: str) -> str | None:
    """The name of the service account that a token is of; None where it does not say.

    Nothing is verified: the API does that, and this pod asks only who it is itself.
    """
    try:
        claims = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return _ACCOUNT.fullmatch(said["sub"])[1]
    except (IndexError, KeyError, TypeError, ValueError):
        return None
