"""`python -m pipeline VERB`: parses a command, runs its verb, and turns a failure into a line.

Exit codes:
  0    done; a model that is not blessed is an outcome, not a failure
  1    the run or the command failed, or a file could not be read or written
  2    a mistake in the command or the configuration; nothing has run
  3    `schedule status` alone: no process serves the schedule
  130  interrupted by Ctrl-C, or a run by SIGTERM
  141  the reader of a pipe has gone, as with `| head`

Verbs raise; only `main` catches. They import TensorFlow and TFX after everything that can be
checked without them, so that a mistake is reported in a fraction of a second.
"""

import argparse
import os
import select
import sys

from cli import (
    data_service_verbs,
    feed_verb,
    ingest_verbs,
    model_versions,
    package_verbs,
    predictions,
    run_verbs,
    runs_verbs,
    schedule_verbs,
    span_verbs,
)
from failures import ConfigurationError, Failure
from pipeline import surroundings

_VERBS = (
    run_verbs,
    package_verbs,
    runs_verbs,
    schedule_verbs,
    ingest_verbs,
    span_verbs,
    model_versions,
    predictions,
    feed_verb,
    data_service_verbs,
)
_INTERRUPTED = 130
_READER_GONE = 141


def main(argv=None):
    arguments = parser().parse_args(argv)
    surroundings.pin()
    sys.stdout = sys.stdout or _nowhere(1)
    sys.stderr = sys.stderr or _nowhere(2)
    # A file name need not be text, and not every terminal shows every letter.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        surroundings.check()
        code = arguments.verb(arguments) or 0
        sys.stdout.flush()
        return code
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except Failure as failure:
        print(f"steadyfeed: {failure}", file=sys.stderr)
        return failure.exit_code
    except KeyboardInterrupt:
        print("steadyfeed: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        if not _reader_is_gone(sys.stdout):
            raise
        _drop_output()
        return _READER_GONE
    except Exception as error:
        cause = _outside_cause(error)
        if cause is None:
            raise
        print(f"steadyfeed: {cause}. Fix this and run the command again.", file=sys.stderr)
        if isinstance(error, OSError) and error.filename is None:
            _drop_output()
        return Failure.exit_code


def _outside_cause(error):
    """Why a file or a bucket could not be read or written; None for any other exception."""
    if isinstance(error, OSError):
        if error.strerror:
            return f"{error.filename or 'the output'}: {error.strerror}"
        return str(error) or type(error).__name__
    tensorflow = sys.modules.get("tensorflow")  # Its file functions raise errors of their own.
    if tensorflow and isinstance(error, tensorflow.errors.OpError):
        return error.message.strip().splitlines()[0][:300]
    return None


def _nowhere(descriptor):
    """A stream for an output that is closed, as by >&-, which drops what is written to it."""
    null = os.open(os.devnull, os.O_WRONLY)
    if null != descriptor:
        os.dup2(null, descriptor)  # Else the next file would have it, and libraries write to it.
        os.close(null)
    os.set_inheritable(descriptor, True)
    return os.fdopen(descriptor, "w")


def _drop_output():
    # What is still buffered has nowhere to go, and Python would complain when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reader_is_gone(stream):
    """Whether the reader of a pipe has had enough, as `head` has."""
    pipe = select.poll()
    pipe.register(stream.fileno(), 0)
    return any(events & select.POLLERR for _, events in pipe.poll(0))


def parser():
    """What reads the words of a command: every verb with its arguments."""
    made = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Train image models from data to a pushed model; the model never waits.",
    )
    verbs = made.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in _VERBS:
        module.add_verbs(verbs)
    return made
