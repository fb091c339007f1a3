"""What made the model: data, schema, transform graph, code and configuration."""

import hashlib
import json
from html import escape

from report import graph
from report.differences import changed_keys
from report.markup import Safe, details, section, table

_EDGES = (
    ("data", "schema"), ("data", "graph"), ("data", "model"), ("schema", "graph"),
    ("graph", "model"), ("code", "model"), ("configuration", "model"), ("model", "version"),
)  # fmt: skip


def render(run, previous):
    if not run.model_origin:
        return ""
    maker, origin, configuration = run.model_origin
    facts = _facts(run, maker, origin, configuration)
    boxes = [
        graph.Box(key, title, note, "result" if key == "version" else "")
        for key, title, note, _ in facts
        if note
    ]
    drawn = graph.column("Graph of what made the model; the table says the same.", boxes, _EDGES)
    rows = [(title, Safe(f"<code>{escape(full)}</code>")) for _, title, _, full in facts if full]
    told = "" if maker == run.id else (
        f"<p>The model was trained in the run of {escape(maker[:19].replace('T', ' '))}; "
        "this run took it from the cache.</p>"
    )  # fmt: skip
    body = (
        f"{told}<div class=pair><div>{drawn}</div><div>{table('Lineage', ('what', 'which'), rows)}"
    )
    body += f"{_changes(configuration, previous)}</div></div>"
    plain = json.dumps(configuration, indent=2, ensure_ascii=False)
    body += details("The whole configuration", f"<pre class=wide tabindex=0>{escape(plain)}</pre>")
    return section("lineage", "Lineage of the model", body)


def _facts(run, maker, origin, configuration):
    """(key, title, what stands in the box, the whole fact)."""
    said = run.said
    version = said("Pusher", "pushed_model", "pushed_version")
    place = said("Pusher", "pushed_model", "pushed_destination")
    commit, state = origin.get("git_commit") or "not recorded", origin.get("git_state") or ""
    fingerprint = said("TfdsExampleGen", "examples", "fingerprint") or "not recorded"
    dataset = said("TfdsExampleGen", "examples", "dataset") or "unnamed"
    counts = json.loads(said("TfdsExampleGen", "examples", "counts") or "{}")
    numbers = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    text = json.dumps(configuration, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    lock = origin.get("lock_sha256") or "not recorded"
    return [
        ("code", "Code", f"{commit[:10]}, {state}", f"commit {commit}, {state}"),
        ("lock", "Lock file", "", f"sha256 {lock}"),
        ("configuration", "Configuration", digest[:12], f"sha256 {digest}"),
        ("data", "Data", f"{dataset}, {fingerprint[:10]}", f"{dataset}, fingerprint {fingerprint}"),
        ("counts", "Examples", "", numbers),
        ("schema", "Schema", _told(run, "schema"), _uri(run, "schema")),
        (
            "graph",
            "Transform graph",
            _told(run, "graph"),
            _uri(run, "graph"),
        ),
        ("model", "Model", _told(run, "model"), _uri(run, "model")),
        ("run", "Trained in the run", "", maker),
        ("version", f"Version {version}" if version else "", place and "pushed", place),
    ]


_PLACES = {
    "schema": (("SchemaGen", "schema"), ("ImportSchemaGen", "schema")),
    "graph": (("Transform", "transform_graph"),),
    "model": (("Trainer", "model"),),
}


def _uri(run, key):
    return next((a.uri for place in _PLACES[key] if (a := run.artifact(*place))), "")


def _told(run, key):
    told = (run.said(*place, "summary") for place in _PLACES[key])
    text = next((text for text in told if text), "as it is in the table")
    return text if len(text) <= 32 else f"{text[:31]}…"


def _changes(configuration, previous):
    if not previous or not previous.configuration:
        return ""
    rows = changed_keys(previous.configuration, configuration)
    if not rows:
        return "<p>The configuration is that of the previous run.</p>"
    head = ("key", "previous run", "this model")
    return table("Configuration that changed since the previous run", head, rows)
