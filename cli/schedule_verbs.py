"""The verbs `submit` and `schedule`: what they take, and whom they call."""

import contextlib
import sys
import tempfile
from pathlib import Path

from failures import ConfigurationError, Failure
from settings.reading import load

_HERE = ("run", "status", "stop")
_THERE = ("apply", "list", "pause", "resume", "delete")


def add_verbs(verbs, add_configuration):
    """Adds the verbs to the command line.

    Args:
      verbs: what argparse's add_subparsers gave.
      add_configuration: callable; gives a parser --config and --set.
    """
    submit = verbs.add_parser("submit", help="run the pipeline on Kubeflow Pipelines")
    submit.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="a value of this run"
    )
    submit.add_argument("--wait", action="store_true", help="show its tasks until it has ended")
    submit.set_defaults(verb=lambda arguments: _told(_submit, arguments))
    schedule = verbs.add_parser("schedule", help="retrain at the times of the configuration")
    schedule.add_argument("action", choices=(*_THERE, *_HERE), metavar="ACTION", help=_ACTIONS)
    schedule.add_argument("--local", action="store_true", help="on this machine, not on Kubeflow")
    schedule.set_defaults(verb=lambda arguments: _told(_schedule, arguments))
    for verb in (submit, schedule):
        add_configuration(verb)
        verb.add_argument(
            "--package", metavar="FILE", help="a compiled package; none: one is compiled now"
        )


_ACTIONS = (
    "on Kubeflow: apply makes what the configuration says, list shows it, pause, resume and "
    "delete change it; with --local: run serves the schedule, status shows it, stop ends it"
)


def _told(verb, arguments):
    """Runs a verb; what went wrong becomes a line instead of a traceback."""
    try:
        return verb(arguments)
    except Failure as failure:
        print(f"steadyfeed: {failure}", file=sys.stderr)
        return 1


def _submit(arguments):
    configuration = load(arguments.config, arguments.set)
    with _package(configuration, arguments) as package:
        from kfp.submit_run import submit

        return submit(
            package,
            configuration.kubeflow,
            arguments.param,
            configuration.kubeflow.pipeline_root,
            arguments.wait,
            say=_say,
        )


def _schedule(arguments):
    configuration = load(arguments.config, arguments.set)
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
        with _package(configuration, arguments) as package:
            from kfp.recurring_runs import apply

            kubeflow = configuration.kubeflow
            apply(package, kubeflow, configuration.schedule, kubeflow.pipeline_root, say=_say)
    else:
        from kfp.recurring_changes import change

        change(arguments.action, configuration.name, configuration.kubeflow, say=_say)
    return 0


def _on_this_machine(configuration, arguments):
    from pipeline.schedule_here import run_schedule, show_status, stop_schedule

    if arguments.action == "run":
        return run_schedule(configuration, arguments.config, arguments.set, _say)
    return {"status": show_status, "stop": stop_schedule}[arguments.action](configuration, _say)


def _say(line):
    # At once: a journal or a pipe would otherwise get it hours later.
    print(line, flush=True)


@contextlib.contextmanager
def _package(configuration, arguments):
    """The path of the package that was given, or of one that is compiled now."""
    with tempfile.TemporaryDirectory() as folder:
        from kfp.package_rules import PackageRefused

        try:
            if arguments.package:
                yield arguments.package
            else:
                yield _compiled(configuration, Path(folder))
        except PackageRefused as refusal:
            raise Failure(
                "; ".join(refusal.reasons) + ". Put the configuration right, or compile again."
            ) from None


def _compiled(configuration, folder):
    from pipeline.quiet import chatter_to

    with chatter_to(folder / "log"):
        from kfp.compile_package import compile_package

        return compile_package(configuration, folder / f"{configuration.name}.yaml")
