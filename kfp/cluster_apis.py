"""What the APIs of Kubernetes and of Kubeflow Pipelines have in common."""

from pathlib import Path

PASSING = frozenset({429, 500, 502, 503, 504})  # statuses after which the same call may succeed
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")  # of this pod
