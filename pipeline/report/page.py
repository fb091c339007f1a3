"""The report of a run: one HTML file that needs no network."""

import base64
from html import escape

from pipeline.report import charts, facts

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#f2f4f7;--quiet:#4b5563;
--line:#c3c9d2;--one:#0b5cad;--two:#a83a00;--good:#0a6b2d;--bad:#b3151b}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf0;--paper:#14171c;--soft:#1f242c;
--quiet:#b3bcc9;--line:#454d59;--one:#7db8ff;--two:#ffab78;--good:#74d992;--bad:#ff9a96}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--paper);
color:var(--ink);font:1rem/1.5 system-ui,sans-serif}h1{font-size:1.5rem}h2{font-size:1.15rem;
margin-top:2.2rem;border-bottom:1px solid var(--line)}table{border-collapse:collapse;margin:.8rem 0;
font-variant-numeric:tabular-nums}caption,figcaption{text-align:left;color:var(--quiet)}
th,td{padding:.2rem .6rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}.wide{overflow-x:auto}.number{text-align:right}.bar{width:14rem}
.bar svg{width:100%;height:.7rem}rect{fill:var(--one)}svg{max-width:100%}figure{margin:.8rem 0}
figure svg{width:35rem}text{fill:var(--quiet);font-size:12px}.axis{fill:none;stroke:var(--line)}
polyline{fill:none;stroke-width:2.5}.line0{stroke:var(--one)}.line1{stroke:var(--two);
stroke-dasharray:6 4}.key0{color:var(--one)}.key1{color:var(--two)}.verdict{background:var(--soft);
padding:.8rem 1rem;border-left:.4rem solid var(--line)}.good{border-color:var(--good)}
.bad{border-color:var(--bad)}ol.dag{display:flex;flex-wrap:wrap;gap:.5rem;padding:0;list-style:none}
.dag li{background:var(--soft);border:1px solid var(--line);border-radius:.4rem;padding:.4rem .6rem}
.dag small{display:block;color:var(--quiet)}.dag .failed{border:2px solid var(--bad)}
ul.pictures{display:flex;flex-wrap:wrap;gap:.7rem;padding:0;list-style:none}.pictures img{
width:5rem;height:5rem;object-fit:contain;image-rendering:pixelated;display:block}
"""


def render(run, previous, configuration):
    """The page as text.

    Args:
      run: the Run.
      previous: the Run before it, or None.
      configuration: of the pipeline.
    """
    sections = (_verdict, _dag, _data, _training, _evaluation, _serving)
    body = "".join(section(run, previous, configuration) for section in sections)
    title = f"{configuration.name}, run {run.id[:19].replace('T', ' ')}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n"
    )


def _verdict(run, previous, configuration):
    failed = [node.name for node in run.nodes.values() if node.status == "failed"]
    verdict = run.json("Evaluator", "blessing", "blessing.json")
    serving = run.json("ServingCheck", "infra_blessing", "serving.json")
    pushed = run.nodes.get("Pusher")
    told = pushed.summaries if pushed else []
    good = verdict and verdict["blessed"] and not failed and (not serving or serving["blessed"])
    if failed:
        first, step = f"{failed[0]} failed", "Read its line at the end of the run, then run again."
    elif not verdict:
        first, step = "The run did not come to its verdict", "Run the same command again."
    elif not verdict["blessed"]:
        first = f"Not blessed: {'; '.join(verdict['reasons'])}"
        step = "Look at the confusion matrix and the curves below; train longer or on better data."
    elif not good:
        first = f"Does not serve: {'; '.join(serving['causes'])}"
        step = "Mend the model's serving graph; it was not pushed."
    else:
        first, step = "Blessed", "The model server takes the new version by itself."
    lines = "<br>".join(escape(text) for text in (first, *told))
    return (
        f'<div class="verdict {"good" if good else "bad"}"><strong>{lines}</strong><br>'
        f"What to do next: {escape(step)}</div>"
    )


def _dag(run, previous, configuration):
    boxes = "".join(
        f'<li class="{node.status}"><strong>{escape(node.name)}</strong>'
        f"<small>{node.status}, {node.seconds:.1f} s</small></li>"
        for node in run.nodes.values()
    )
    rows = [(node.name, "; ".join(node.summaries)) for node in run.nodes.values()]
    made = charts.table("What each made", ("component", "made"), rows)
    return f"<h2>Pipeline</h2><ol class=dag>{boxes}</ol>{made}"


def _data(run, previous, configuration):
    data = configuration.data
    counts = facts.label_counts(run, "train", data.label_feature)
    parts = [charts.bars("Labels of train", counts)] if counts else []
    before = facts.label_counts(previous, "train", data.label_feature) if previous else {}
    if counts and before:
        parts.append(f"<p>{escape(_drift(counts, before))}</p>")
    pictures = "".join(
        f'<li><img alt="an example of {escape(name)}" src="data:{_kind(image)};base64,'
        f'{base64.b64encode(image).decode()}">{escape(name)}</li>'
        for name, image in facts.sample_images(run, data.image_feature, data.label_feature)
    )
    return f"<h2>Data</h2>{''.join(parts)}<ul class=pictures>{pictures}</ul>"


def _drift(counts, before):
    """The largest change of a label's share, in words."""
    now, then = sum(counts.values()), sum(before.values())
    change = {
        name: counts.get(name, 0) / now - before.get(name, 0) / then for name in {*counts, *before}
    }
    name = max(sorted(change), key=lambda label: abs(change[label]))
    if abs(change[name]) < 0.0005:
        return "No drift against the previous run: every label has the same share."
    return (
        f"Drift against the previous run: the share of {name} changed most, "
        f"by {100 * change[name]:+.1f} percentage points."
    )


def _kind(image):
    return "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"


def _training(run, previous, configuration):
    history = run.json("Trainer", "model_run", "history.json")
    if not history:
        return ""
    epochs = history["epochs"]
    drawn = []
    for metric in ("loss", "accuracy"):
        series = {
            name: [epoch.get(key) for epoch in epochs]
            for name, key in (("train", metric), ("validation", f"validation_{metric}"))
            if epochs and epochs[0].get(key) is not None
        }
        drawn.append(charts.lines(metric.capitalize(), series))
    wait = sum(epoch["data_wait_seconds"] for epoch in epochs)
    total = sum(epoch["seconds"] for epoch in epochs) or 1
    return (
        f"<h2>Training</h2>{''.join(drawn)}<p>Best epoch: {history['best_epoch']}. "
        f"The model waited for data {wait:.2f} s of {total:.2f} s ({100 * wait / total:.1f} %).</p>"
    )


def _evaluation(run, previous, configuration):
    verdict = run.json("Evaluator", "blessing", "blessing.json")
    counts = run.json("Evaluator", "evaluation", "counts.json")
    names = run.json("Evaluator", "evaluation", "class_names.json")
    if not verdict or not counts:
        return ""
    champion = verdict["champion_metrics"]
    rows = [
        (name, f"{value:.6g}", f"{champion[name]:.6g}" if name in champion else "none")
        for name, value in verdict["metrics"].items()
    ]
    parts = [charts.table("Metrics", ("metric", "this model", "champion"), rows)]
    confusion = {(t, p): n for t, p, n in counts["models"]["challenger"]["confusion"]}
    classes = range(len(names))
    scores = []
    for c in classes:
        right = confusion.get((c, c), 0)
        actual = sum(n for (t, _), n in confusion.items() if t == c)
        said = sum(n for (_, p), n in confusion.items() if p == c)
        scores.append(
            (names[c], actual, f"{right / (said or 1):.3f}", f"{right / (actual or 1):.3f}")
        )
    parts.append(charts.table("Each class", ("class", "examples", "precision", "recall"), scores))
    if len(names) <= 30:
        matrix = [(names[t], *(confusion.get((t, p), 0) or "·" for p in classes)) for t in classes]
        parts.append(
            charts.table("Confusion: rows are true, columns predicted", ("true", *names), matrix)
        )
    wrong = sorted(((n, t, p) for (t, p), n in confusion.items() if t != p), reverse=True)[:5]
    shown = [(names[t] if t < len(names) else "(unknown)", names[p], n) for n, t, p in wrong]
    if shown:
        parts.append(charts.table("Most frequent mistakes", ("true", "predicted", "times"), shown))
    return f"<h2>Evaluation</h2>{''.join(parts)}"


def _serving(run, previous, configuration):
    serving = run.json("ServingCheck", "infra_blessing", "serving.json")
    if not serving:
        return ""
    rows = [
        (name, f"{f['p50_ms']:.2f} ms", f"{f['p99_ms']:.2f} ms", f"{f['memory_mb']:.0f} MiB")
        for name in ("challenger", "champion")
        if (f := serving.get(name))
    ]
    head = ("model", "p50", "p99", "memory")
    return f"<h2>Serving ({escape(serving['server'])})</h2>" + charts.table(
        "Requests of one image", head, rows
    )
