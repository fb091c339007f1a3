"""The verb `report`: makes the report of a run again, and shows it."""

import sys
import webbrowser
from pathlib import Path

from components.failure import Failure
from pipeline.configuration_file import load


def add_verbs(verbs, add_configuration):
    """Adds the verb to the command line; arguments as in schedule_verbs."""
    report = verbs.add_parser("report", help="write the report of a run as one HTML file")
    report.add_argument("--run", metavar="ID", help="of the run; none: the newest")
    report.add_argument("--open", action="store_true", help="show it in the browser")
    report.set_defaults(verb=_report)
    add_configuration(report)


def _report(arguments):
    configuration = load(arguments.config, arguments.set)
    database = Path(configuration.root) / "metadata.sqlite"
    try:
        if not database.exists():
            raise Failure(f"{configuration.root} has no runs. Run the pipeline first.")
        from tfx.orchestration import metadata

        from pipeline.report.files import write_report

        connection = metadata.sqlite_metadata_connection_config(str(database))
        with metadata.Metadata(connection) as handle:
            file = write_report(handle.store, configuration, arguments.run)
    except Failure as failure:
        print(f"steadyfeed: {failure}", file=sys.stderr)
        return 1
    print(file)
    if arguments.open:
        webbrowser.open(file.resolve().as_uri())
    return 0
