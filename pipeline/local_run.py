"""One run on this machine, from the lock on its root to the table at its end."""

import datetime
import logging
import os
import signal
from pathlib import Path

from components import engine_arguments
from components.model_store.layout import served_instead
from components.pusher.reading import read_pushed
from components.serving_check import installed
from components.trainer.input_report.reading import read_lines
from failures import Failure, component_failed, in_one_line
from files import writing
from files.strict_json import text_of
from pipeline import data_service, worker_processes
from pipeline.program import uncollected
from pipeline.quiet import chatter_to
from pipeline.root_lock import hold
from pipeline.temporary_folder import temporary_folder

_DISK_IS_FULL = "database or disk is full"  # SQLite's words, within those of ML Metadata
_log = logging.getLogger(__name__)


def run_locally(configuration, write_report, results=None):
    """Runs the pipeline. A model that is not blessed is an outcome, not a failure.

    Args:
      write_report: callable (configuration, run id, why the run failed or None) that returns
        the path of the run's report.
      results: a path for {component: "ran", "cached" or "failed"} as JSON, or None.

    Raises:
      Failure: a component failed, another run holds the root, or what the sections
        `training`, `beam` and `serving` name cannot work here.
      OSError: the root cannot be written.
      KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    worker_processes.check(configuration.training, os.environ)
    engine_arguments.check(configuration.beam)
    data_service.check(configuration.training.input)
    installed.check(configuration.serving)
    began = datetime.datetime.now()
    root = Path(configuration.root)
    with hold(root), temporary_folder(root / ".tmp"):
        log = _log_of(root, began)
        log.parent.mkdir(exist_ok=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with chatter_to(log) as screen:
            from pipeline.display import Display

            with Display(screen) as display:
                display.say(f"steadyfeed: {configuration.name}, log in {log}")
                _run_shown(configuration, began, display, write_report, results)


def _log_of(root, began, suffix=""):
    return Path(root) / "logs" / f"{began:%Y%m%d-%H%M%S-%f}{suffix}.log"


def _run_shown(configuration, began, display, write_report, results):
    failure = None
    try:
        _run(configuration, began, display)
        _print_table(configuration, display)
        _print_result(display)
    except KeyboardInterrupt:
        _log.info("interrupted", exc_info=True)
        display.say("Interrupted. The same command continues from the finished components.")
        raise
    except Exception as error:
        _log.error("the run failed", exc_info=True)
        _print_table(configuration, display)
        failure = _what_failed(error, root=configuration.root)
        raise Failure(failure) from None
    finally:
        _report(configuration, began.isoformat(), failure, display, write_report)
        if results:
            statuses = {made.component: made.status for made in display.outcomes}
            writing.write(results, text_of(statuses))
        if configuration.keep_runs and display.outcomes:
            _remove_old_runs(configuration, display)


def _run(configuration, began, display):
    # After the first line is on the screen: these imports take seconds.
    with uncollected():
        from tfx.orchestration import metadata

        from pipeline.create_pipeline import create_pipeline
        from pipeline.local_runner import LocalRunner
        from pipeline.origin import origin_of
        from pipeline.recovery import clear_unfinished

    connection = metadata.sqlite_metadata_connection_config(
        str(Path(configuration.root) / "metadata.sqlite")
    )
    with metadata.Metadata(connection) as handle:
        cleared = clear_unfinished(handle.store, configuration.root)
    if cleared:
        display.say(f"The last run stopped in {', '.join(cleared)}; its unfinished work is gone.")
    pipeline = create_pipeline(configuration, metadata_connection_config=connection)
    runner = LocalRunner(
        display,
        began.isoformat(),
        origin_of(configuration),
        _operators(configuration, began),
        engine_arguments.beam_arguments(configuration.beam),
    )
    runner.run(pipeline)


def _operators(configuration, began):
    """What runs a component otherwise than in this process."""
    if configuration.training.workers == 1:
        return {}
    from pipeline.workers_operator import operators_of

    return operators_of(
        configuration.training,
        lambda number: _log_of(configuration.root, began, f"-worker-{number}"),
    )


def _report(configuration, run_id, failure, display, write_report):
    """A report that cannot be made costs one line, and never fails the run."""
    if not display.outcomes:
        return
    try:
        display.say(f"report   {write_report(configuration, run_id, failure)}")
    except Exception as error:
        _log.warning("no report", exc_info=True)
        display.say(f"The report could not be made: {in_one_line(error)}")


def _remove_old_runs(configuration, display):
    """What cannot be removed costs one line, and never fails the run."""
    from pipeline.old_runs import remove_old_runs

    try:
        removed = remove_old_runs(configuration.root, configuration.keep_runs, configuration)
    except Exception as error:
        _log.warning("old runs stay", exc_info=True)
        display.say(f"Old runs could not be removed: {in_one_line(error)}")
    else:
        if removed.folders:
            display.say(f"removed  {removed.in_words}")


def _print_table(configuration, display):
    if display.outcomes:
        display.print_table(f"{configuration.name}: what each component did")


def _print_result(display):
    made = {outcome.component: outcome for outcome in display.outcomes}
    evaluator, run = made["Evaluator"].outputs, made["Trainer"].outputs["model_run"]
    display.say(f"metrics  {evaluator['evaluation']['summary']}")
    display.say(f"verdict  {evaluator['blessing']['summary']}")
    line, advice = read_lines(run)
    if line:
        display.say(f"input    {line}")
    if advice:
        display.say(f"         {advice}", style="yellow")
    display.say(f"model    {made['Pusher'].made}")
    pushed = read_pushed(made["Pusher"].outputs["pushed_model"])
    instead = pushed and served_instead(pushed.path)
    if instead:
        display.say(
            f"         Version {instead} is in service. To serve this one again: models rollback "
            f"{pushed.version}",
            style="yellow",
        )


def _what_failed(error, root):
    from pipeline.local_runner import ComponentFailed
    from pipeline.metadata_store import is_damage, unreadable

    if _DISK_IS_FULL in str(error):
        return (
            f"{root}/metadata.sqlite cannot be written: the disk is full. Free space, then run "
            "again."
        )
    if is_damage(error):
        return unreadable(root)
    if isinstance(error, ComponentFailed):
        return component_failed(error.component, error.cause)
    return f"The run failed outside its components: {in_one_line(error)}"
