"""The verbs `run`, `check` and `report`."""

import os
import re
import webbrowser

from cli.configuration_arguments import add_configuration, configuration_of
from cli.span_verbs import span_number
from failures import ConfigurationError, Failure, UnreadableFile
from files import writing
from files.strict_json import text_of
from pipeline import surroundings


def add_verbs(verbs):
    """Adds the verbs to what argparse's add_subparsers returned."""
    run = verbs.add_parser("run", help="run the pipeline on this machine")
    run.add_argument(
        "--results", metavar="FILE", help="also write what each component did, as JSON"
    )
    which = run.add_mutually_exclusive_group()
    which.add_argument(
        "--from-model", type=int, metavar="VERSION", help="repeat the run that made a version"
    )
    which.add_argument(
        "--span",
        type=span_number,
        metavar="SPAN",
        help="read the window as it was when this span, a number or a date, was the newest",
    )
    run.set_defaults(verb=_run)
    check = verbs.add_parser("check", help="check a configuration and show it with its defaults")
    check.set_defaults(verb=_check)
    report = verbs.add_parser("report", help="write the report of a run as one HTML file")
    which = report.add_mutually_exclusive_group()
    which.add_argument("--run", metavar="RUN", help="which run (default: the newest)")
    which.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="two runs on one page; a run is its id or the beginning of it, the number of a "
        "pushed version, latest or previous",
    )
    report.add_argument("--open", action="store_true", help="show it in the browser")
    report.set_defaults(verb=_report)
    for verb in (run, check, report):
        add_configuration(verb)


def _run(arguments):
    as_then = () if arguments.span is None else (f"data.span={arguments.span}",)
    try:
        configuration = configuration_of(arguments, *as_then)
    except UnreadableFile as error:
        raise _retried_by_a_schedule(error) from None
    surroundings.check_xla()
    if arguments.results:
        _begin_results(arguments.results)
    if arguments.from_model is not None:
        from pipeline.reproduce import reproduce

        return reproduce(configuration, arguments.from_model, _write_report, arguments.results)
    from pipeline.local_run import run_locally

    return run_locally(configuration, _write_report, arguments.results)


def _retried_by_a_schedule(error):
    # A schedule's configuration has been read before, so its files come back; a mistake would stay.
    from pipeline.schedule_process import SCHEDULED_TIME

    return Failure(str(error)) if SCHEDULED_TIME in os.environ else error


def _write_report(configuration, run_id, failure):
    from report.facts import record_failure
    from report.files import write_report

    if failure:
        record_failure(configuration.root, run_id, failure)
    return write_report(configuration, run_id)


def _begin_results(file):
    """Empties the file, as a run that is killed would leave an earlier one's results as its own.

    A run takes hours, and only its end would show that the file cannot be written.
    """
    # A link would become a file: /dev/stdout is one, whatever it leads to.
    if os.path.islink(file) or (os.path.exists(file) and not os.path.isfile(file)):
        raise ConfigurationError(
            f"--results {file}: not a regular file; allowed: a file in an existing folder"
        )
    try:
        open(file, "ab").close()
    except OSError as error:
        raise ConfigurationError(
            f"--results {file}: {error.strerror}; allowed: a file in an existing folder"
        ) from None
    writing.write(file, text_of({}))


def _check(arguments):
    import yaml

    configuration = configuration_of(arguments)
    if configuration.training.freeze_to is not None:
        _check_layer(configuration, arguments.config)
    plain = configuration.model_dump(mode="json", by_alias=True)
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    print("\n".join(_remarked(text.splitlines(), configuration.training)))
    if configuration.needed_rights:
        print(f"# {configuration.needed_rights}")


def _check_layer(configuration, file):
    # Only a network that was built knows its layers: TensorFlow's seconds are for this key alone.
    from pipeline.quiet import chatter_away

    try:
        with chatter_away():
            from components.trainer.freezing import check_layer

            check_layer(configuration.model, configuration.preprocessing, configuration.training)
    except Failure as failure:
        reason = str(failure).removeprefix("Trainer: ")
        raise ConfigurationError(f"{file}: {reason}") from None


def _remarked(lines, training):
    """The lines, those of the section `training` with where the recipe's keys come from."""
    inside = False
    for line in lines:
        if not line.startswith(" "):
            inside = line == "training:"
        key = re.match(r"  (\w+):", line) if inside else None
        remark = key and training.remark(key[1])
        yield f"{line}  # {remark}" if remark else line


def _report(arguments):
    configuration = configuration_of(arguments)
    # ML Metadata and Pillow, which other verbs do without.
    from report.files import write_comparison, write_report

    if arguments.compare:
        file = write_comparison(configuration, *arguments.compare)
    else:
        file = write_report(configuration, arguments.run)
    print(file)
    if arguments.open:
        webbrowser.open(file.resolve().as_uri())
