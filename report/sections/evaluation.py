"""Evaluation: bounds, metrics against the champion's, each class, confusion, worst mistakes."""

from html import escape

from report.bounds import better, read_bounds
from report.confusion import is_segmentation, read_confusion
from report.markup import Safe, bar, mark, section, side, table
from report.sections import mistakes

_MATRIX = 30  # classes up to which the whole matrix is shown
_LISTED = 100  # classes of the table of classes


def render(run, previous):
    verdict = run.json("Evaluator", "blessing", "blessing.json")
    if not verdict:
        return ""
    confusion = read_confusion(run)
    body = _why(verdict) + side(_bounds(run), _metrics(run, verdict))
    if confusion:
        pixels = is_segmentation(run)
        body += side(_classes(confusion, pixels), _matrix(confusion, pixels))
        body += _pairs(confusion, pixels)
    return section("evaluation", "Evaluation", body + mistakes.render(run))


def _why(verdict):
    if not verdict["blessed"]:
        return f"<p>Not blessed: {escape('; '.join(verdict['reasons']))}.</p>"
    if verdict["champion_metrics"]:
        return "<p>Blessed: every bound is held, those against the champion as well.</p>"
    return "<p>Blessed: every bound is held. There was no champion to compare it with.</p>"


def _bounds(run):
    rows = [
        (
            bound.metric,
            "not measured" if bound.value is None else f"{bound.value:.6g}",
            f"{bound.rule} {bound.limit:.6g}",
            mark(bound.held),
        )
        for bound in read_bounds(run)
    ]
    head = ("metric", "this model", "has to be", "bound")
    return table("Why it was blessed or not, bound by bound", head, rows) if rows else ""


def _metrics(run, verdict):
    champion = verdict["champion_metrics"]
    rows = []
    for name, value in verdict["metrics"].items():
        other = champion.get(name)
        row = [name, f"{value:.6g}"]
        if champion:
            row += ["" if other is None else f"{other:.6g}", delta(name, other, value)]
        rows.append(row)
    version = run.said("ChampionResolver", "champion", "version")
    head = ["metric", "this model"]
    if champion:
        head += [f"champion{f', version {version:.0f}' if version else ''}", "change"]
    split = "Metrics on the test split"
    return table(split, head, rows)


def delta(metric, before, now):
    """A cell with the change of a metric, and whether it is for the better."""
    if before is None or now is None:
        return ""
    good = better(metric, now - before)
    if good is None:
        return f"{now - before:+.4g}" if now != before else "0"
    word = "better" if good else "worse"
    return Safe(f"<span class={word}>{now - before:+.4g} {word}</span>")


def _classes(confusion, pixels):
    classes = confusion.classes
    rows = [
        (
            c.name, c.actual, bar(c.precision, 1.0), bar(c.recall, 1.0),
            *([bar(c.iou, 1.0)] if pixels else []),
        )
        for c in classes[:_LISTED]
    ]  # fmt: skip
    head = ("class", "pixels" if pixels else "examples", "precision", "recall")
    more = len(classes) - _LISTED
    rest = f"<p>{more:,} more classes are not shown.</p>" if more > 0 else ""
    return table("Each class", (*head, *(["IoU"] if pixels else [])), rows) + rest


def _matrix(confusion, pixels):
    names = confusion.names
    if len(names) > _MATRIX:
        return ""
    totals = [c.actual or 1 for c in confusion.classes]
    rows = [
        (
            names[t],
            *(
                _cell(confusion.counts.get((t, p), 0), t == p, totals[t], pixels)
                for p in range(len(names))
            ),
        )
        for t in range(len(names))
    ]
    unit = "% of the true class's pixels" if pixels else "examples"
    caption = f"Confusion in {unit}: a row is the true class, a column what the model said"
    return table(caption, ("true", *names), rows, "confusion")


def _cell(count, right, total, pixels):
    if not count:
        return Safe("<td>·</td>")
    text = f"{100 * count / total:.1f}" if pixels else f"{count:,}"
    return Safe(f"<td class={'right' if right else 'wrong'}>{text}</td>")


def _pairs(confusion, pixels):
    rows = [(true, said, number) for number, true, said in confusion.mistakes(5)]
    if not rows:
        return f"<p>Not one {'pixel' if pixels else 'example'} of the test split is mistaken.</p>"
    head = ("true", "taken for", "pixels" if pixels else "times")
    return table("Most frequent mistakes", head, rows)
