"""What `predict` and `batch-predict` print."""

import json
import os
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.progress import Progress

from components.batch_predictor import images
from components.model_store.layout import newest_path
from failures import Failure
from files import writing


def predict(
    places: list[str],
    model: str,
    top: int,
    as_json: bool,
    say: Callable[[str], None],
    complain: Callable[[str], None],
    output: str | None = None,
) -> int:
    """Predicts images and prints an answer for each; returns the exit code.

    Args:
      places: files, folders and globs.
      model: a push destination, whose newest version answers, or one SavedModel.
      top: how many classes to name, most probable first; of a mask, all are named.
      as_json: one JSON object a line instead of text.
      say: takes a line of the result.
      complain: takes a line about an image that was skipped.
      output: a folder for the masks of a segmentation model, or None.

    Returns:
      0, or 1 when an image was skipped.

    Raises:
      Failure: an image or the model does not exist, or a mask cannot be written.
    """
    files, left_out = images.expand(places)
    if left_out:
        complain(f"steadyfeed: {left_out}.")
    masks = images.mask_files(files, output)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # After what can be checked without it: this import takes seconds.
    from components.batch_predictor.pushed_model import SEGMENTATION, PushedModel
    from components.mask_palette import mask_png

    loaded = PushedModel(newest_path(model))
    if masks and loaded.task != SEGMENTATION:
        raise Failure(
            f"--output is for masks, and {loaded.path} gives each image one class. Leave it out."
        )
    skipped = 0
    for file, answer in images.answers(loaded, files):
        if answer.error:
            skipped += 1
            complain(f"steadyfeed: {file} is skipped: {answer.error}")
            continue
        facts = _facts(file, answer, loaded, top)
        if masks:
            advice = "Name another folder with --output."
            writing.write(masks[file], mask_png(answer.mask), advice)
            facts["mask"] = masks[file]
        say(json.dumps(facts, ensure_ascii=False) if as_json else _text(facts))
    if skipped:
        complain(f"steadyfeed: {skipped} of {len(files)} images were skipped.")
    return 1 if skipped else 0


def batch_predict(place, split, data_dir, output, model, screen) -> int:
    """Predicts everything and prints how much it was; returns the exit code.

    Args:
      place: TFRecord files, a folder, a glob, or "tfds:NAME".
      split: a TFDS split expression, for a TFDS dataset.
      data_dir: where TFDS keeps its datasets, or None.
      output: the folder for the predictions.
      model: a push destination, whose newest version answers, or one SavedModel.
      screen: a text file for the progress bar and two lines.

    Returns:
      0, or 1 when the model could not answer a record.

    Raises:
      Failure: as of `predict_runs` and `sources`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from components.batch_predictor.job import predict_runs
    from components.batch_predictor.pushed_model import PushedModel
    from components.batch_predictor.sources import runs_of, runs_of_dataset

    console = Console(file=screen, highlight=False, soft_wrap=True)
    path = newest_path(model)
    if split is None:
        runs, left_out = runs_of(place)
        if left_out:
            console.print(f"steadyfeed: {left_out}.", markup=False)
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


def _facts(file, answer, loaded, top) -> dict:
    if answer.mask is not None:
        height, width = answer.mask.shape
        shares = answer.shares()
        classes = [
            {"label": loaded.labels[i], "share": float(shares[i]),
             "probability": float(answer.probabilities[i])}
            for i in np.argsort(-shares, kind="stable")
        ]  # fmt: skip
        return {
            "image": file, "classes": classes, "height": height, "width": width,
            "model": loaded.path,
        }  # fmt: skip
    ranked = np.argsort(-answer.probabilities, kind="stable")[:top]
    return {
        "image": file,
        "label": answer.label,
        "class": answer.class_id,
        "probability": float(answer.probabilities[answer.class_id]),
        "top": [
            {"label": loaded.labels[i], "probability": float(answer.probabilities[i])}
            for i in ranked
        ],
        "model": loaded.path,
    }


def _text(facts) -> str:
    if "classes" in facts:
        shares = ", ".join(f"{one['label']} {one['share']:.1%}" for one in facts["classes"])
        return f"{facts['image']}: {shares}" + (f"  → {facts['mask']}" if "mask" in facts else "")
    first, *others = facts["top"]
    rest = ", ".join(f"{one['label']} {one['probability']:.4f}" for one in others)
    line = f"{facts['image']}: {first['label']} {first['probability']:.4f}"
    return line + (f"  (then {rest})" if rest else "")
