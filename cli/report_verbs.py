"""The verb `report`: writes the report of a run again, or compares two runs."""

import webbrowser

from cli.configuration_arguments import add_configuration, configuration_of


def add_verbs(verbs):
    """Adds the verb to what argparse's add_subparsers returned."""
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
    add_configuration(report)


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
