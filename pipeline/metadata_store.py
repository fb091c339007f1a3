"""Reads the ML Metadata of a pipeline root, without TensorFlow and TFX."""

from pathlib import Path

from ml_metadata import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2

from failures import Failure
from files import places

_MODES = metadata_store_pb2.SqliteMetadataSourceConfig
# SQLite's words, within those of ML Metadata
_DAMAGED = ("file is not a database", "database disk image is malformed")
_TO_ROLL_BACK = "attempt to write a readonly database"
_PAGE = 100  # executions that are read at a time


def open_store(root, write=False):
    """ML Metadata of a root, read-only unless `write`.

    Raises:
      Failure: nothing has run there, or its file cannot be read.
    """
    file = Path(root) / "metadata.sqlite"
    if not file.is_file():
        raise Failure(f"{root} has no runs. Run the pipeline first.")
    try:
        return _connected(file, _MODES.READWRITE) if write else _read_only(file)
    except Exception as error:  # ML Metadata's own errors have nothing in common.
        raise Failure(unreadable(root) if is_damage(error) else _why_not(file, error)) from error


def is_damage(error):
    """Whether an error of ML Metadata says that its file is none, or that parts of it are lost."""
    return any(words in str(error) for words in _DAMAGED)


def unreadable(root):
    """What is wrong with a root whose ML Metadata is damaged, and what to do."""
    return (
        f"{root}/metadata.sqlite cannot be read as ML Metadata. Name another root with --set "
        "root=FOLDER, or remove this one, and run again."
    )


def _read_only(file):
    try:
        return _connected(file, _MODES.READONLY)
    except Exception as error:
        if _TO_ROLL_BACK not in str(error):
            raise
    # SQLite undoes what a killed run has left of a commit for a writer only.
    _connected(file, _MODES.READWRITE)
    return _connected(file, _MODES.READONLY)


def _connected(file, mode):
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(file)
    connection.sqlite.connection_mode = mode
    store = MetadataStore(connection)
    store.get_context_types()
    return store


def _why_not(file, error):
    """What keeps a sound file from being read."""
    words = str(error).removeprefix("Error when executing query: ").partition(" query: ")[0]
    cause = words.strip().rstrip(".") or type(error).__name__
    if _TO_ROLL_BACK in cause:
        cause = "a killed run left half a commit, and only who may write can roll it back"
    try:
        file.open("rb").close()
    except OSError as reason:  # SQLite does not name it.
        cause = places.why(reason)
    return (
        f"{file} cannot be read: {cause}. Wait for a run that uses it, or make {file.parent} "
        "readable and writable for this user, and try again."
    )


def run_of(store, execution_id):
    """(id, custom properties) of the run that made an execution; None where there is none."""
    kinds = {kind.id: kind.name for kind in store.get_context_types()}
    for context in store.get_contexts_by_execution(execution_id):
        if kinds[context.type_id] == "pipeline_run":
            return context.name, plain(context.custom_properties)
    return None


def component_of(store, execution):
    """The component, by its class's name, that an execution is of."""
    [kind] = store.get_execution_types_by_id([execution.type_id])
    return kind.name.rpartition(".")[2]


def newest_executions(store):
    """The executions of a root, the newest first, read a page at a time.

    A root that a schedule uses has hundreds of thousands, each with whole sections of the
    configuration among its properties.
    """
    newest = store.get_executions(ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False))
    for last in range(newest[0].id if newest else 0, 0, -_PAGE):
        page = store.get_executions_by_id(range(max(last - _PAGE, 0) + 1, last + 1))
        yield from sorted(page, key=lambda execution: execution.id, reverse=True)


def outputs_of(store, execution_id):
    """{output: its artifact} of an execution."""
    keys = {
        event.artifact_id: event.path.steps[0].key
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    }
    artifacts = store.get_artifacts_by_id(sorted(keys))
    return {keys[artifact.id]: artifact for artifact in artifacts}


def plain(properties):
    """{name: str, int or float} of the custom properties of an artifact, execution or context."""
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in properties.items()
        if value.WhichOneof("value")
    }
