"""Where Kubeflow's launcher puts the files of an object store.

Nothing here opens minio:// or s3://: the launcher copies inputs to a local path before a step
and outputs from one after it.
"""

import os

# In a pod the paths are absolute; a run without a cluster has a folder for each pod.
ROOT_VARIABLE = "STEADYFEED_POD_ROOT"
_FOLDERS = {"minio": "minio", "s3": "s3", "gs": "gcs"}


def local_path(uri, root=None):
    """The path at which the launcher keeps `uri`; other addresses are returned unchanged.

    Args:
      uri: as in minio://bucket/key.
      root: the pod's root folder; None takes the environment's, or "/".
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in _FOLDERS:
        return uri
    root = root or os.environ.get(ROOT_VARIABLE, "/")
    return os.path.join(root, _FOLDERS[scheme], rest)


def step_address(executor_input):
    """The run and the task: an output's address ends with <attempt>/<artifact>.

    Args:
      executor_input: an ExecutorInput as JSON.

    Returns:
      The same text for all attempts at a step; "" for a step without an output.
    """
    made = executor_input.get("outputs", {}).get("artifacts", {}).values()
    addresses = [record["uri"] for one in made for record in one["artifacts"]]
    return min((address.rsplit("/", 2)[0] for address in addresses), default="")


def is_object_store(uri):
    return uri.partition("://")[0] in _FOLDERS and "://" in uri
