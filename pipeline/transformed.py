"""Where the newest run below a root left its transformed examples."""

import os

from ml_metadata.proto import metadata_store_pb2

from failures import Failure
from files.places import files_in
from pipeline.metadata_store import component_of, newest_executions, open_store, outputs_of

_DONE = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


def train_files(root):
    """The files of the train split of the newest transformed examples, sorted.

    Raises:
      Failure: nothing was transformed below `root`, or it is no longer there.
    """
    store = open_store(root)
    for execution in newest_executions(store):
        if execution.last_known_state in _DONE and component_of(store, execution) == "Transform":
            examples = outputs_of(store, execution.id).get("transformed_examples")
            folder = examples and os.path.join(examples.uri, "Split-train")
            files = files_in(folder) if folder and os.path.isdir(folder) else []
            if files:
                return files
    raise Failure(
        f"{root} has no transformed examples to feed from. Run the pipeline with this "
        "configuration first: python -m pipeline run --config FILE."
    )
