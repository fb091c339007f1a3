"""`predict`: what the pushed model says of a few images: a class, or a mask."""

import glob
import itertools
import json
import os
from pathlib import Path

import numpy as np

from failures import Failure

SUFFIXES = (".png", ".jpg", ".jpeg")
_BATCH = 64  # images of one call: bounds the memory, whatever their number


def predict(places, model, top, as_json, say, complain, output=None):
    """Predicts images and prints an answer for each; returns the exit code.

    Args:
      places: files, folders and globs.
      model: a push destination, of which the newest version answers, or one SavedModel.
      top: how many classes to name, most probable first; of a mask, all are named.
      as_json: one JSON object a line instead of text.
      say: callable; takes a line of the result.
      complain: callable; takes a line about an image that was skipped.
      output: a folder for the masks of a segmentation model, or None.

    Returns:
      0, or 1 when an image was skipped.

    Raises:
      Failure: there is no such image or no such model, or a mask cannot be written.
    """
    files = expand(places)
    masks = mask_files(files, output)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # After what can be checked without it: this import takes seconds.
    from components.batch_predictor.pushed_model import SEGMENTATION, PushedModel, newest_path

    loaded = PushedModel(newest_path(model))
    if masks and loaded.task != SEGMENTATION:
        raise Failure(
            f"--output is for masks, and {loaded.path} gives one class an image. Leave it out."
        )
    skipped = 0
    for start in range(0, len(files), _BATCH):
        for file, answer in _answers(loaded, files[start : start + _BATCH]):
            if isinstance(answer, str):
                skipped += 1
                complain(f"steadyfeed: {file} is skipped: {answer}")
                continue
            if masks:
                _write_mask(masks[file], answer.mask)
            facts = _facts(file, answer, loaded, top) | ({"mask": masks[file]} if masks else {})
            say(json.dumps(facts, ensure_ascii=False) if as_json else _text(facts))
    if skipped:
        complain(f"steadyfeed: {skipped} of {len(files)} images were skipped.")
    return 1 if skipped else 0


def mask_files(files, output):
    """{image: the file of its mask}, each in the folder `output`; empty without one.

    Raises:
      Failure: one is there already: no file is ever overwritten.
    """
    if output is None:
        return {}
    masks, taken = {}, set()
    for file in files:
        name = stem = Path(file).stem
        numbers = itertools.count(2)
        while name in taken:
            name = f"{stem}-{next(numbers)}"
        taken.add(name)
        masks[file] = os.path.join(output, f"{name}.mask.png")
    there = [mask for mask in masks.values() if os.path.lexists(mask)]
    if there:
        raise Failure(f"{there[0]} is there already. Name another folder with --output.")
    return masks


def _write_mask(file, mask):
    from components.mask_palette import mask_png

    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "xb") as out:
            out.write(mask_png(mask))
    except OSError as error:
        raise Failure(
            f"{file} cannot be written: {error.strerror}. Name another folder with --output."
        ) from error


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


def _facts(file, answer, loaded, top):
    if answer.mask is not None:
        height, width = answer.mask.shape
        share = answer.shares().tolist()
        order = np.argsort(-answer.shares(), kind="stable")
        classes = [
            {"label": loaded.labels[i], "share": share[i],
             "probability": float(answer.probabilities[i])}
            for i in order
        ]  # fmt: skip
        return {
            "image": file, "classes": classes, "height": height, "width": width,
            "model": loaded.path,
        }  # fmt: skip
    best = [{"label": n, "probability": p} for n, p in ranked(answer, loaded.labels, top)]
    return {
        "image": file,
        "label": answer.label,
        "class": answer.class_id,
        "probability": float(answer.probabilities[answer.class_id]),
        "top": best,
        "model": loaded.path,
    }


def _text(facts):
    if "classes" in facts:
        shares = ", ".join(f"{one['label']} {one['share']:.1%}" for one in facts["classes"])
        return f"{facts['image']}: {shares}" + (f"  → {facts['mask']}" if "mask" in facts else "")
    first, *others = facts["top"]
    rest = ", ".join(f"{one['label']} {one['probability']:.4f}" for one in others)
    line = f"{facts['image']}: {first['label']} {first['probability']:.4f}"
    return line + (f"  (then {rest})" if rest else "")
