"""The serving check: which server answered, how fast, with how much memory."""

from html import escape

from report.markup import section, table

_MODELS = {"challenger": "this model", "champion": "champion"}


def render(run, previous):
    serving = run.json("ServingCheck", "infra_blessing", "serving.json")
    if not serving:
        return ""
    limits = run.configuration.get("serving", {})
    rows = [
        (
            title,
            f"{figures['p50_ms']:.2f}\N{NO-BREAK SPACE}ms",
            f"{figures['p99_ms']:.2f}\N{NO-BREAK SPACE}ms",
            f"{figures['memory_mb']:,.0f}\N{NO-BREAK SPACE}MiB",
            f"{figures['requests']:,}" if "requests" in figures else "",
        )
        for name, title in _MODELS.items()
        if (figures := serving.get(name))
    ]
    told = "It answers as the trainer did." if serving["blessed"] else (
        f"It was stopped: {'; '.join(serving['causes'])}."
    )  # fmt: skip
    body = f"<p>{escape(told)} Served by: {escape(str(serving['server']))}.</p>"
    if rows:
        head = ("model", "p50", "p99", "memory", "requests")
        body += table("Requests of one image", head, rows)
    return section("serving", "Serving", body + f"<p>{escape(_limits(limits))}</p>")


def _limits(limits):
    words = [
        text.format(limits[name])
        for name, text in (
            ("max_latency_ms", "p99 of at most {:g}\N{NO-BREAK SPACE}ms"),
            ("max_slowdown", "at most {:g} times the champion's median"),
            ("max_memory_mb", "at most {:g}\N{NO-BREAK SPACE}MiB"),
        )
        if limits.get(name) is not None
    ]
    return f"Limits: {'; '.join(words)}." if words else "No limit is configured."
