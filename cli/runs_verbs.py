"""The verb `runs`: what runs, and what ran, on Kubeflow Pipelines; and old runs of this machine."""

from cli.configuration_arguments import add_configuration, configuration_of
from cli.package_verbs import print_now
from failures import ConfigurationError

_OF_ONE = ("show", "stop", "delete")
_OF_ALL = ("list", "prune")
_MOST_DAYS = 36_500  # a century, as there is a first date
_ACTIONS = (
    "list the runs of the pipeline; show, stop or delete the RUN; prune deletes those that "
    "ended --older-than-days ago, and packages of that age that no run or schedule uses; "
    "prune --local removes what none of the newest --keep runs below the root made or read"
)


def add_verbs(verbs):
    """Adds the verb to what argparse's add_subparsers returned."""
    runs = verbs.add_parser("runs", help="list, show, stop and delete runs")
    runs.add_argument("action", choices=(*_OF_ALL, *_OF_ONE), metavar="ACTION", help=_ACTIONS)
    runs.add_argument("run", nargs="?", metavar="RUN", help="the id of a run")
    runs.add_argument("--older-than-days", type=int, metavar="N", help="for prune, at least 1")
    runs.add_argument("--local", action="store_true", help="on this machine, not on Kubeflow")
    runs.add_argument("--keep", type=int, metavar="N", help="for prune --local, at least 1")
    runs.set_defaults(verb=_runs)
    add_configuration(runs)


def _runs(arguments):
    if arguments.local or arguments.keep is not None:
        return _prune_here(arguments)
    action, days = arguments.action, arguments.older_than_days
    if (arguments.run is None) != (action in _OF_ALL):
        needed = "the id of a run" if action in _OF_ONE else "no id"
        raise ConfigurationError(f"runs {action} {arguments.run or ''}: allowed: {needed}")
    is_given = days is not None
    if is_given != (action == "prune") or (is_given and not 1 <= days <= _MOST_DAYS):
        allowed = f"a number of 1 to {_MOST_DAYS:,}, with prune"
        raise ConfigurationError(f"--older-than-days: allowed: {allowed}")
    configuration = configuration_of(arguments)
    from kfp import prune_runs, runs

    kubeflow = configuration.kubeflow
    if action == "list":
        runs.list_runs(configuration.name, kubeflow, say=print_now)
    elif action == "prune":
        prune_runs.prune(configuration.name, days, kubeflow, say=print_now)
    else:
        act = {"show": runs.show_run, "stop": runs.stop_run, "delete": runs.delete_run}[action]
        act(arguments.run, kubeflow, say=print_now)
    return 0


def _prune_here(arguments):
    keep, others = arguments.keep, (arguments.run, arguments.older_than_days)
    if not arguments.local or arguments.action != "prune" or others != (None, None):
        raise ConfigurationError("runs: allowed on this machine: prune --local --keep N")
    if keep is None or keep < 1:
        raise ConfigurationError("--keep: allowed: a number of at least 1")
    configuration = configuration_of(arguments)
    from pipeline.metadata_store import open_store
    from pipeline.old_runs import remove_old_runs
    from pipeline.root_lock import hold

    open_store(configuration.root)  # To hold a root that is not mounted would make an empty one.
    with hold(configuration.root):
        removed = remove_old_runs(configuration.root, keep, configuration)
    print(f"Removed {removed.in_words}.")
    return 0
