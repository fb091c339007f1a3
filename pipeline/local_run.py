"""One run on this machine, from the lock on its root to the table at its end."""

import datetime
import json
import logging
import os
import signal
import sys
from pathlib import Path

from pipeline.quiet import chatter_to
from pipeline.root_lock import RootInUse, hold
from pipeline.served_version import served_instead

_log = logging.getLogger(__name__)


def run_locally(configuration, results=None, now=datetime.datetime.now):
    """Runs the pipeline; returns the exit code: 0 done, 1 failed, 130 interrupted.

    A model that is not blessed is an outcome, not a failure: the code is 0.

    Args:
      configuration: the checked configuration.
      results: a path for {component: "ran", "cached" or "failed"} as JSON, or None.
      now: gives the time.
    """
    began = now()
    root = Path(configuration.root)
    try:
        with hold(root, began):
            log = root / "logs" / f"{began:%Y%m%d-%H%M%S-%f}.log"
            log.parent.mkdir(exist_ok=True)
            return _run_logged(configuration, began, log, results)
    except RootInUse as error:
        print(f"steadyfeed: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"steadyfeed: {error.filename or root} cannot be written: {error.strerror}. "
            "Choose another place with --set root=FOLDER, or make this one writable.",
            file=sys.stderr,
        )
        return 1


def _run_logged(configuration, began, log, results):
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Transform starts TensorFlow before Trainer could say so: a GPU's memory is taken as needed.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    with chatter_to(log) as screen:
        from pipeline.display import Display

        failure = None
        with Display(screen) as display:
            display.say(f"steadyfeed: {configuration.name}, log in {log}")
            try:
                return _run(configuration, began, display)
            except KeyboardInterrupt:
                _log.info("interrupted", exc_info=True)
                display.say("Interrupted. The same command goes on from what is finished.")
                return 130
            except Exception as error:
                _log.error("the run failed", exc_info=True)
                _print_table(configuration, display)
                display.say(_first_line(error), style="red")
                display.say(f"The whole story is in {log}.")
                failure = _first_line(error)
                return 1
            finally:
                _write_report(configuration, began.isoformat(), failure, display)
                if results:
                    statuses = {made.component: made.status for made in display.outcomes}
                    Path(results).write_text(json.dumps(statuses), encoding="utf-8")


def _run(configuration, began, display):
    # After the first line is on the screen: these imports take seconds.
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
        display.say(f"The last run was stopped in {', '.join(cleared)}; what it began is removed.")
    pipeline = create_pipeline(configuration, metadata_connection_config=connection)
    LocalRunner(display, began.isoformat(), origin_of(configuration)).run(pipeline)
    _print_result(configuration, display)
    return 0


def _write_report(configuration, run_id, failure, display):
    """A report that cannot be made is one line, and never fails the run."""
    if not display.outcomes:
        return
    try:
        from report.facts import record_failure
        from report.files import write_report

        if failure:
            record_failure(configuration.root, run_id, failure)
        display.say(f"report   {write_report(configuration, run_id)}")
    except Exception as error:
        _log.warning("no report", exc_info=True)
        display.say(f"The report could not be made: {_in_words(error)}")


def _print_result(configuration, display):
    _print_table(configuration, display)
    made = {outcome.component: outcome for outcome in display.outcomes}
    evaluator = made["Evaluator"].outputs
    display.say(f"metrics  {evaluator['evaluation']['summary']}")
    display.say(f"verdict  {evaluator['blessing']['summary']}")
    _print_input(made["Trainer"].outputs["model_run"], display)
    display.say(f"model    {made['Pusher'].made}")
    pushed = made["Pusher"].outputs["pushed_model"].get("pushed_destination", "")
    instead = served_instead(pushed)
    if instead:
        display.say(
            f"         Version {instead} is in service. To serve this one again: models rollback "
            f"{Path(pushed).name}",
            style="yellow",
        )


def _print_input(model_run, display):
    if model_run.get("input_report"):
        display.say(f"input    {model_run['input_report']}")
    if model_run.get("input_advice"):
        display.say(f"         {model_run['input_advice']}", style="yellow")


def _print_table(configuration, display):
    if display.outcomes:
        display.print_table(f"{configuration.name}: what each component did")


def _first_line(error):
    from failures import Failure
    from pipeline.local_runner import ComponentFailed

    if not isinstance(error, ComponentFailed):
        return f"The run failed outside of its components: {_in_words(error)}"
    if isinstance(error.cause, Failure):
        return f"{error.component} failed: {error.cause}"
    return f"{error.component} failed: {_in_words(error.cause)}"


def _in_words(error):
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no message'}"
