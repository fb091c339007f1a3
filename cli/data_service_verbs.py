"""The verb `data-service`: the processes that read and decode images for trainings elsewhere."""

import argparse
import math
import socket

from failures import Failure
from settings.beam import ADDRESS

_MOST_SECONDS = 86_400


def add_verbs(verbs):
    """Adds the verb to what argparse's add_subparsers returned."""
    service = verbs.add_parser(
        "data-service", help="decode images for trainings on other machines, by tf.data service"
    )
    roles = service.add_subparsers(title="roles", metavar="ROLE", required=True)
    dispatcher = roles.add_parser("dispatcher", help="deals out the work; one for all workers")
    dispatcher.add_argument("--port", type=_port, default=5050)
    dispatcher.add_argument(
        "--work-dir", required=True, metavar="FOLDER", help="what a restarted dispatcher must know"
    )
    dispatcher.set_defaults(verb=_dispatcher)
    worker = roles.add_parser("worker", help="reads and decodes; as many as are needed")
    worker.add_argument("--dispatcher", required=True, type=_address, metavar="HOST:PORT")
    worker.add_argument(
        "--host",
        default=socket.gethostname(),
        help="the name under which trainings reach this machine (default: %(default)s)",
    )
    worker.add_argument("--port", type=_port, default=0, help="0, the default, picks a free one")
    worker.set_defaults(verb=_worker)
    check = roles.add_parser("check", help="whether a dispatcher or worker answers, for probes")
    check.add_argument("address", type=_address, metavar="HOST:PORT")
    check.add_argument("--seconds", type=_seconds, default=10.0)
    check.set_defaults(verb=_check)


def _port(text):
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"given {text!r}; allowed: 0 to 65535")
    return int(text)


def _address(text):
    try:
        return ADDRESS(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"given {text!r}; {error}") from None


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"given {text!r}; allowed: a number above 0, at most {_MOST_SECONDS:,}"
        )
    return seconds


def _dispatcher(arguments):
    from pipeline.data_service import serve_dispatcher

    serve_dispatcher(arguments.port, arguments.work_dir, _say)


def _worker(arguments):
    from pipeline.data_service import serve_worker

    serve_worker(arguments.dispatcher, arguments.host, arguments.port, _say)


def _check(arguments):
    from pipeline.data_service import answers

    if not answers(arguments.address, arguments.seconds):
        raise Failure(
            f"nothing answers at {arguments.address} within {arguments.seconds:g} seconds"
        )
    print(f"{arguments.address} answers")


def _say(line):
    print(line, flush=True)
