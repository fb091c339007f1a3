"""The worst mistakes on the test split, as images."""

from html import escape
from pathlib import Path

from report import pictures
from report.confusion import is_segmentation


def render(run):
    """The section's part; "" where the evaluator left none."""
    worst = run.json("Evaluator", "evaluation", "worst_examples.json")
    if not worst:
        return ""
    folder = Path(run.artifact("Evaluator", "evaluation").uri)
    if is_segmentation(run):
        names = run.json("Evaluator", "evaluation", "class_names.json") or []
        rows = "".join(_masks(folder, number, one) for number, one in enumerate(worst, 1))
        return (
            "<h3>Worst images: image, truth, prediction</h3>"
            f'{pictures.legend(names)}<ul class="pictures three">{rows}</ul>'
        )
    rows = "".join(_mistake(folder, number, one) for number, one in enumerate(worst, 1))
    return f'<h3>Worst mistakes</h3><ul class="pictures large">{rows}</ul>' if rows else ""


def _mistake(folder, number, one):
    alt = f"Mistake {number}: a {one['true']} that the model takes for a {one['predicted']}"
    shown = pictures.picture(_bytes(folder, one["image"]), alt)
    if not shown:
        return ""
    return (
        f"<li><figure>{shown}<figcaption>true <strong>{escape(one['true'])}</strong>, said "
        f"<strong>{escape(one['predicted'])}</strong><br>{100 * one['probability']:.1f} % sure"
        f"<br><small>{escape(_where(one))}</small></figcaption></figure></li>"
    )


def _masks(folder, number, one):
    shown = (
        pictures.picture(_bytes(folder, one["image"]), f"Image {number}"),
        pictures.mask_picture(_bytes(folder, one["truth"]), f"Truth of image {number}"),
        pictures.mask_picture(_bytes(folder, one["prediction"]), f"Prediction for image {number}"),
    )
    if not all(shown):
        return ""
    return (
        f"<li><figure><div class=strip>{''.join(shown)}</div><figcaption>{number}: "
        f"IoU {one['iou']:.3f}, loss {one['loss']:.3g}<br><small>{escape(_where(one))}</small>"
        "</figcaption></figure></li>"
    )


def _where(one):
    """Shard and record, by which the image is found again."""
    return f"{Path(str(one['file'])).name}, record {one['record']}"


def _bytes(folder, name):
    """A file below the folder; nothing where it is missing, or lies elsewhere."""
    path = (folder / name).resolve()
    return path.read_bytes() if path.is_relative_to(folder.resolve()) and path.is_file() else b""
