"""What made the model: data, schema, transform graph, code and configuration."""

import hashlib

from components.examples.reading import span_words
from files.strict_json import text_of
from report import graph
from report.page import changed_keys

_EDGES = (
    ("data", "schema"), ("data", "graph"), ("data", "model"), ("schema", "graph"),
    ("graph", "model"), ("code", "model"), ("configuration", "model"), ("model", "version"),
)  # fmt: skip
_NOTE = 32  # characters that a box has room for


def view(run, previous):
    """What the template shows; None without a model."""
    if not run.model_origin:
        return None
    maker, origin = run.model_origin
    facts = _facts(run, maker, origin)
    boxes = [
        graph.Box(key, title, note, "result" if key == "version" else "")
        for key, title, note, _ in facts
        if note
    ]
    before = previous and previous.origin.configuration
    return {
        "maker": maker[:19].replace("T", " ") if maker != run.id else None,
        "graph": graph.column(boxes, _EDGES),
        "facts": [(title, full) for _, title, _, full in facts if full],
        "changes": changed_keys(before, origin.configuration) if before else None,
        "configuration": text_of(origin.configuration, indent=2, ensure_ascii=False),
    }


def _facts(run, maker, origin):
    """(key, title, what stands in the box, the whole fact)."""
    data, pushed = run.data, run.pushed
    commit, state = origin.git_commit or "not recorded", origin.git_state or ""
    dataset, fingerprint = data.dataset or "unnamed", data.fingerprint or "not recorded"
    counts = ", ".join(f"{split} {count:,}" for split, count in data.counts.items())
    text = text_of(origin.configuration, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    schema = run.output("SchemaGen", "schema") or run.output("ImportSchemaGen", "schema")
    return [
        ("code", "Code", f"{commit[:10]}, {state}", f"commit {commit}, {state}"),
        ("lock", "Lock file", "", f"sha256 {origin.lock_sha256 or 'not recorded'}"),
        ("own_code", "Your own code", "", origin.own_code),
        ("configuration", "Configuration", digest[:12], f"sha256 {digest}"),
        ("data", "Data", f"{dataset}, {fingerprint[:10]}", f"{dataset}, fingerprint {fingerprint}"),
        ("counts", "Examples", "", counts),
        ("spans", "Spans", "", ", ".join(map(span_words, data.spans))),
        ("snapshot", "Read as of", "", data.snapshot),
        ("schema", "Schema", *_artifact(schema)),
        ("graph", "Transform graph", *_artifact(run.output("Transform", "transform_graph"))),
        ("model", "Model", *_artifact(run.output("Trainer", "model"))),
        ("run", "Trained in the run", "", maker),
        ("version", f"Version {pushed.version}", "pushed", pushed.path) if pushed else ("",) * 4,
    ]


def _artifact(output):
    """(what stands in the box, the whole fact) of an output."""
    if not output:
        return "see the table", ""
    text = output.summary or "see the table"
    return text if len(text) <= _NOTE else f"{text[: _NOTE - 1]}…", str(output.folder)
