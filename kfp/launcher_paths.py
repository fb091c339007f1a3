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


def is_object_store(uri):
    return uri.partition("://")[0] in _FOLDERS and "://" in uri
