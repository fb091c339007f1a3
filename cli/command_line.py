"""`python -m pipeline VERB`: reads the words of a command and hands them on.

Exit codes: 0 done, 1 the run failed or a file could not be read or written, 2 a
mistake in the command or the configuration, 130 interrupted, 141 nobody reads any
more, as behind `| head`.
TensorFlow and TFX are imported by the verbs that need them, after everything
that can be checked without them was checked.
"""

import argparse
import os
import select
import sys

from cli import model_verbs, package_verbs, report_verbs, schedule_verbs
from failures import ConfigurationError
from settings.reading import load


def main(argv=None):
    arguments = _parser().parse_args(argv)
    # TensorFlow tells of its build at every start, on stderr, before any log can take it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if sys.stdout is None:  # closed, as by >&-
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    # A name of a file need not be text, and not every terminal shows every letter.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = arguments.verb(arguments)
        sys.stdout.flush()
        return code
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("steadyfeed: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _reader_is_gone(sys.stdout):
            raise
        _drop_output()
        return 141
    except OSError as error:
        cause = str(error) or type(error).__name__
        if error.strerror:
            cause = f"{error.filename or 'the output'}: {error.strerror}"
        print(
            f"steadyfeed: {cause}. Put that right, and give the same command again.",
            file=sys.stderr,
        )
        if error.filename is None:
            _drop_output()
        return 1


def _drop_output():
    # What is still to be written has nowhere to go, and Python would complain at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reader_is_gone(stream):
    """Whether who read a pipe has had enough, as `head` has."""
    pipe = select.poll()
    pipe.register(stream.fileno(), 0)
    return any(events & select.POLLERR for _, events in pipe.poll(0))


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Image models from data to a pushed model, in which the model never waits.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    run = verbs.add_parser("run", help="run the pipeline on this machine")
    run.set_defaults(verb=_run)
    check = verbs.add_parser("check", help="check a configuration and show it with its defaults")
    check.set_defaults(verb=_check)
    run.add_argument(
        "--results", metavar="FILE", help="also write what each component did, as JSON"
    )
    run.add_argument(
        "--from-model", type=int, metavar="VERSION", help="repeat the run that made a version"
    )
    for verb in (run, check):
        _add_configuration(verb)
    for module in (package_verbs, report_verbs, schedule_verbs, model_verbs):
        module.add_verbs(verbs, _add_configuration)
    return parser


def _add_configuration(verb):
    verb.add_argument("--config", required=True, metavar="FILE", help="a file of configs/")
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace one value of the file, as in --set training.epochs=5",
    )


def _run(arguments):
    configuration = load(arguments.config, arguments.set)
    if arguments.results:
        _check_place_of_results(arguments.results)
    if arguments.from_model is not None:
        return model_verbs.reproduce(configuration, arguments.from_model, arguments.results)
    from pipeline.local_run import run_locally

    return run_locally(configuration, arguments.results)


def _check_place_of_results(file):
    """A run takes hours, and only its end would show that they cannot be written."""
    try:
        open(file, "ab").close()
    except OSError as error:
        raise ConfigurationError(
            f"--results {file}: {error.strerror}; allowed: a file in a folder that is there"
        ) from None


def _check(arguments):
    import yaml

    configuration = load(arguments.config, arguments.set)
    plain = configuration.model_dump(mode="json", by_alias=True)
    print(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), end="")
    return 0
