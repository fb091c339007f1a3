"""The verb `schedule`: retrains at the times of the configuration, on Kubeflow or here."""

from cli.configuration_arguments import add_configuration, configuration_of
from cli.package_verbs import add_package, package_of, print_now
from failures import ConfigurationError

_HERE = ("run", "status", "stop")
_THERE = ("apply", "list", "fire", "pause", "resume", "delete")
_ACTIONS = (
    "on Kubeflow: apply makes what the configuration says, list shows it, fire runs it now, pause, "
    "resume and delete change it; with --local: run serves the schedule, status shows it, stop "
    "ends it"
)


def add_verbs(verbs):
    """Adds the verb to what argparse's add_subparsers returned."""
    schedule = verbs.add_parser("schedule", help="retrain at the times of the configuration")
    schedule.add_argument("action", choices=(*_THERE, *_HERE), metavar="ACTION", help=_ACTIONS)
    schedule.add_argument("--local", action="store_true", help="on this machine, not on Kubeflow")
    schedule.set_defaults(verb=_schedule)
    add_configuration(schedule)
    add_package(schedule)


def _schedule(arguments):
    configuration = configuration_of(arguments)
    if configuration.schedule is None and arguments.action in ("apply", *_HERE):
        raise ConfigurationError(
            f"{arguments.config}: schedule: missing; a section with cron, as in '0 3 * * 1-5'"
        )
    if arguments.local != (arguments.action in _HERE):
        ways = f"{', '.join(_HERE)} with --local; {', '.join(_THERE)} without"
        raise ConfigurationError(f"schedule {arguments.action}: allowed: {ways}")
    if arguments.local:
        return _on_this_machine(configuration, arguments)
    if arguments.action == "apply":
        with package_of(arguments, configuration) as package:
            from kfp.apply_schedule import apply

            apply(package, configuration.kubeflow, configuration.schedule, say=print_now)
    elif arguments.action == "fire":
        from kfp.recurring_runs import fire

        fire(configuration.name, configuration.kubeflow, say=print_now)
    else:
        from kfp.recurring_runs import change

        change(arguments.action, configuration.name, configuration.kubeflow, say=print_now)
    return 0


def _on_this_machine(configuration, arguments):
    from pipeline.schedule_here import run_schedule, show_status, stop_schedule

    if arguments.action == "run":
        return run_schedule(configuration, arguments.config, arguments.set, print_now)
    return {"status": show_status, "stop": stop_schedule}[arguments.action](
        configuration, print_now
    )
