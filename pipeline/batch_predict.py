"""`batch-predict`: the pushed model over TFRecords, a TFDS split or a folder of images."""

import os
import time

from rich.console import Console
from rich.progress import Progress


def batch_predict(place, split, data_dir, output, model, screen):
    """Predicts everything and says how much it was; returns the exit code.

    Args:
      place: TFRecord files, a folder, a glob, or "tfds:NAME".
      split: a TFDS split expression, for a TFDS dataset.
      data_dir: where TFDS keeps its datasets, or None.
      output: the folder for the predictions.
      model: a push destination, of which the newest version answers, or one SavedModel.
      screen: a text file for what people see: the bar and two lines.

    Returns:
      0, or 1 when the model could say nothing of a record.

    Raises:
      Failure: as components.batch_predictor says.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from components.batch_predictor.job import predict_runs
    from components.batch_predictor.pushed_model import PushedModel, newest_path
    from components.batch_predictor.sources import runs_of, runs_of_dataset

    console = Console(file=screen, highlight=False, soft_wrap=True)
    path = newest_path(model)
    if split is None:
        runs = runs_of(place)
    else:
        runs = runs_of_dataset(place.removeprefix("tfds:"), split, data_dir)
    total = sum(run.count for run in runs)
    console.print(f"steadyfeed: {total:,} records for {path}")
    loaded = PushedModel(path)
    began = time.monotonic()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("predicting", total=total)
        tally = predict_runs(loaded, runs, output, lambda count: bar.advance(task, count))
    seconds = time.monotonic() - began
    console.print(
        f"steadyfeed: {tally.records:,} predictions in {output}, {tally.failed:,} of them "
        f"errors, in {seconds:.1f} s"
    )
    return 1 if tally.failed else 0
