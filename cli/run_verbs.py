"""The verbs `run` and `check`."""

from cli.configuration_arguments import add_configuration, configuration_of
from failures import ConfigurationError


def add_verbs(verbs):
    """Adds the verbs to what argparse's add_subparsers returned."""
    run = verbs.add_parser("run", help="run the pipeline on this machine")
    run.add_argument(
        "--results", metavar="FILE", help="also write what each component did, as JSON"
    )
    run.add_argument(
        "--from-model", type=int, metavar="VERSION", help="repeat the run that made a version"
    )
    run.set_defaults(verb=_run)
    check = verbs.add_parser("check", help="check a configuration and show it with its defaults")
    check.set_defaults(verb=_check)
    for verb in (run, check):
        add_configuration(verb)


def _run(arguments):
    configuration = configuration_of(arguments)
    if arguments.results:
        _check_results(arguments.results)
    if arguments.from_model is not None:
        from pipeline.reproduce import reproduce

        return reproduce(configuration, arguments.from_model, _write_report, arguments.results)
    from pipeline.local_run import run_locally

    return run_locally(configuration, _write_report, arguments.results)


def _write_report(configuration, run_id, failure):
    from report.facts import record_failure
    from report.files import write_report

    if failure:
        record_failure(configuration.root, run_id, failure)
    return write_report(configuration, run_id)


def _check_results(file):
    """A run takes hours, and only its end would show that the file cannot be written."""
    try:
        open(file, "ab").close()
    except OSError as error:
        raise ConfigurationError(
            f"--results {file}: {error.strerror}; allowed: a file in an existing folder"
        ) from None


def _check(arguments):
    import yaml

    plain = configuration_of(arguments).model_dump(mode="json", by_alias=True)
    print(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), end="")
