"""The verb `report`: makes the report of a run again, or compares two runs, and shows it."""

import sys
import webbrowser

from failures import Failure
from settings.reading import load


def add_verbs(verbs, add_configuration):
    """Adds the verb to the command line; arguments as in schedule_verbs."""
    report = verbs.add_parser("report", help="write the report of a run as one HTML file")
    which = report.add_mutually_exclusive_group()
    which.add_argument("--run", metavar="RUN", help="which run; none: the newest")
    which.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="two runs on one page; a run is its id or how that begins, the number of a "
        "pushed version, latest or previous",
    )
    report.add_argument("--open", action="store_true", help="show it in the browser")
    report.set_defaults(verb=_report)
    add_configuration(report)


def _report(arguments):
    configuration = load(arguments.config, arguments.set)
    try:
        # ML Metadata and Pillow, which other verbs do without.
        from report.files import write_comparison, write_report

        if arguments.compare:
            file = write_comparison(configuration, *arguments.compare)
        else:
            file = write_report(configuration, arguments.run)
    except Failure as failure:
        print(f"steadyfeed: {failure}", file=sys.stderr)
        return 1
    print(file)
    if arguments.open:
        webbrowser.open(file.resolve().as_uri())
    return 0
