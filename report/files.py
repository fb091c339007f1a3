"""Writes reports below a root, and finds the runs that they are about."""

import dataclasses
from pathlib import Path

import jinja2

from components.model_store.versions import list_versions
from failures import Failure
from files.writing import write
from pipeline.metadata_store import open_store
from report import facts
from report.comparison import comparison
from report.report import report


def write_report(configuration, which=None):
    """Writes `<root>/reports/<run id>.html`, and report.html for the newest run; gives its Path.

    Args:
      which: a run, as `find_run` takes it; None: the newest.

    Raises:
      Failure: there is no such run, or nothing can be written.
    """
    store = open_store(configuration.root)
    ids = facts.run_ids(store)
    chosen = find_run(configuration, ids, which or "latest")
    place = ids.index(chosen)
    previous = _read(store, ids[place - 1], configuration) if place else None
    run = _read(store, chosen, configuration)
    text = _rendered(lambda: report(run, previous), chosen)
    file = _write(configuration, f"{_name(chosen)}.html", text)
    if chosen == ids[-1]:
        write(Path(configuration.root) / "report.html", text)
    return file


def write_comparison(configuration, first, second):
    """Writes `<root>/reports/<first>-against-<second>.html`; arguments and errors as above."""
    store = open_store(configuration.root)
    ids = facts.run_ids(store)
    chosen = [find_run(configuration, ids, which) for which in (first, second)]
    runs = [_read(store, run_id, configuration) for run_id in chosen]
    name = "-against-".join(_name(run_id) for run_id in chosen)
    text = _rendered(lambda: comparison(*runs), " or ".join(chosen))
    return _write(configuration, f"{name}.html", text)


def find_run(configuration, ids, which):
    """The id of the run that `which` names.

    Args:
      ids: of all runs, oldest first.
      which: an id, or the beginning of exactly one; "latest", "previous", or the number of
        a pushed version, for the run that pushed it.

    Raises:
      Failure: it names no run, or more than one.
    """
    if not ids:
        raise Failure(f"{configuration.root} has no runs. Run the pipeline first.")
    if which == "latest":
        return ids[-1]
    if which == "previous":
        if len(ids) < 2:
            raise Failure("There is no previous run: this root has only one. Run again first.")
        return ids[-2]
    if which in ids:
        return which
    is_number = which.isascii() and which.isdecimal()
    # Ids begin with a year, so a number of fewer digits is never meant for one.
    if is_number and (len(which) < 4 or not any(i.startswith(which) for i in ids)):
        return _run_of_version(configuration, ids, which)
    wanted = _name(which.replace(" ", "T"))
    meant = [run_id for run_id in ids if _name(run_id).startswith(wanted)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise Failure(
            f"{len(meant)} runs begin with {which}. Give more of the id, such as {meant[-1]}."
        )
    raise Failure(f"There is no run {which}. The latest runs: {', '.join(ids[-5:])}.")


def _run_of_version(configuration, ids, number):
    destination = configuration.push.destination
    records = {str(version.number): version.record for version in list_versions(destination)}
    run_id = records[number].run if records.get(number) else None
    if not run_id:
        raise Failure(
            f"{destination} has no version {number} that this project pushed. "
            "List them with: python -m pipeline models list --config FILE"
        )
    if run_id not in ids:
        raise Failure(
            f"Version {number} was pushed by the run {run_id}, which is not in "
            f"{configuration.root}. Name the configuration of its root."
        )
    return run_id


def _rendered(render, run_id):
    try:
        return render()
    except (OSError, ValueError, LookupError, TypeError, jinja2.UndefinedError) as error:
        raise Failure(
            f"The artifacts of the run {run_id} cannot be read ({type(error).__name__}: {error}). "
            "Remove the damaged artifact and run again."
        ) from error


def _name(run_id):
    return run_id.replace(":", "-").replace("/", "-")


def _read(store, run_id, configuration):
    """The Run; the given configuration stands in for one that was not recorded."""
    run = facts.read_run(store, run_id)
    if run.origin.configuration:
        return run
    plain = configuration.model_dump(mode="json", by_alias=True)
    return dataclasses.replace(run, origin=run.origin._replace(configuration=plain))


def _write(configuration, name, text):
    file = Path(configuration.root) / "reports" / name
    write(file, text)
    return file
