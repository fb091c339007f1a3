"""ML Metadata as one run sees it: TFX's launcher reads few of a root's executions, not all.

To register a component and to find its inputs, TFX reads all executions of the pipeline, of the
run and of the component, and goes on with those that are in all three. ML Metadata gives a hundred
at a time and looks through all for each hundred, so a root on which a schedule has run ten thousand
times would cost each run minutes.
"""

from ml_metadata import ListOptions, MetadataStore, OrderByField
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata

_OF_ALL_RUNS = {constants.PIPELINE_CONTEXT_TYPE_NAME, constants.NODE_CONTEXT_TYPE_NAME}
# Of those with one key of the cache. TFX takes the newest whose outputs are still there; where none
# of so many has them, the component computes again.
_NEWEST = 100


class RunMetadata(metadata.Metadata):
    """TFX's handle of ML Metadata for the components of one run.

    The executions of the pipeline or of a component are those of this run alone; those with one
    key of the cache are the newest.

    Args:
      connection: TFX's ConnectionConfig. Its tables must be there.
      run_id: the name of the run's context.
    """

    def __init__(self, connection, run_id):
        super().__init__(connection)
        self._run_id = run_id
        self._contexts = {}

    def __enter__(self):
        if not self._users:
            self._store = _RunStore(self._connection_config, self._run_id, self._contexts)
        self._users += 1
        return self


class _RunStore(MetadataStore):
    """`contexts` keeps {id of an execution of the run: ids of its contexts}."""

    def __init__(self, connection, run_id, contexts):
        super().__init__(connection)
        self._run_id, self._contexts = run_id, contexts

    def get_executions_by_context(self, context_id, list_options=None, extra_options=None):
        kind = self._kind_of(context_id)
        if list_options or kind == constants.PIPELINE_RUN_CONTEXT_TYPE_NAME:
            return super().get_executions_by_context(context_id, list_options, extra_options)
        if kind in _OF_ALL_RUNS:
            return [one for one in self._of_run() if context_id in self._contexts_of(one)]
        newest = ListOptions(limit=_NEWEST, order_by=OrderByField.CREATE_TIME, is_asc=False)
        return super().get_executions_by_context(context_id, newest)

    def _kind_of(self, context_id):
        [context] = self.get_contexts_by_id([context_id])
        [kind] = self.get_context_types_by_id([context.type_id])
        return kind.name

    def _of_run(self):
        kind = constants.PIPELINE_RUN_CONTEXT_TYPE_NAME
        run = self.get_context_by_type_and_name(kind, self._run_id)
        return super().get_executions_by_context(run.id) if run else []

    def _contexts_of(self, execution):
        if execution.id not in self._contexts:
            found = self.get_contexts_by_execution(execution.id)
            self._contexts[execution.id] = {context.id for context in found}
        return self._contexts[execution.id]
