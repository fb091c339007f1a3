"""`predict`: what the pushed model says of a few images."""

import glob
import json
import os
from pathlib import Path

import numpy as np

from components.failure import Failure

SUFFIXES = (".png", ".jpg", ".jpeg")
_BATCH = 64  # images of one call: bounds the memory, whatever their number


def predict(places, model, top, as_json, say, complain):
    """Predicts images and prints an answer for each; returns the exit code.

    Args:
      places: files, folders and globs.
      model: a push destination, of which the newest version answers, or one SavedModel.
      top: how many classes to name, most probable first.
      as_json: one JSON object a line instead of text.
      say: callable; takes a line of the result.
      complain: callable; takes a line about an image that was skipped.

    Returns:
      0, or 1 when an image was skipped.

    Raises:
      Failure: there is no such image or no such model.
    """
    files = expand(places)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # After what can be checked without it: this import takes seconds.
    from components.batch_predictor.pushed_model import PushedModel, newest_path

    loaded = PushedModel(newest_path(model))
    skipped = 0
    for start in range(0, len(files), _BATCH):
        for file, answer in _answers(loaded, files[start : start + _BATCH]):
            if isinstance(answer, str):
                skipped += 1
                complain(f"steadyfeed: {file} is skipped: {answer}")
            else:
                say(
                    _as_json(file, answer, loaded, top)
                    if as_json
                    else _text(file, answer, loaded, top)
                )
    if skipped:
        complain(f"steadyfeed: {skipped} of {len(files)} images were skipped.")
    return 1 if skipped else 0


def expand(places):
    """The image files of files, folders (with what is below them) and globs, once each.

    Raises:
      Failure: a place holds no image.
    """
    found = []
    for place in places:
        files = _files_of(place)
        if not files:
            raise Failure(
                f"{place}: no such image. A file, a folder with {', '.join(SUFFIXES)} files or "
                "a glob is expected."
            )
        found += files
    return list(dict.fromkeys(found))


def _files_of(place):
    if os.path.isdir(place):
        below = (str(path) for path in Path(place).rglob("*") if path.is_file())
        return sorted(path for path in below if path.lower().endswith(SUFFIXES))
    if os.path.exists(place):  # Before the glob: a file's name may hold brackets.
        return [place]
    return sorted(path for path in glob.glob(place, recursive=True) if os.path.isfile(path))


def _answers(loaded, files):
    """(file, Answer) of each file, or (file, why it has none), in order."""
    contents = {}
    unreadable = {}
    for file in files:
        try:
            contents[file] = Path(file).read_bytes()
        except OSError as error:
            unreadable[file] = error.strerror
    answers = dict(zip(contents, loaded.answer_images(list(contents.values())), strict=True))
    for file in files:
        if file in unreadable:
            yield file, unreadable[file]
        else:
            yield file, answers[file].error or answers[file]


def ranked(answer, labels, top):
    """[(label, probability)] of the most probable classes, the best first."""
    order = np.argsort(-answer.probabilities, kind="stable")[:top]
    return [(labels[i], float(answer.probabilities[i])) for i in order]


def _as_json(file, answer, loaded, top):
    best = [{"label": n, "probability": p} for n, p in ranked(answer, loaded.labels, top)]
    line = {
        "image": file,
        "label": answer.label,
        "class": answer.class_id,
        "probability": float(answer.probabilities[answer.class_id]),
        "top": best,
        "model": loaded.path,
    }
    return json.dumps(line, ensure_ascii=False)


def _text(file, answer, loaded, top):
    (label, probability), *others = ranked(answer, loaded.labels, top)
    rest = ", ".join(f"{name} {p:.4f}" for name, p in others)
    return f"{file}: {label} {probability:.4f}" + (f"  (then {rest})" if rest else "")
