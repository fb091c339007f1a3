"""The serving check: which server answered, how fast, with how much memory."""

from settings.serving import Serving

_LIMITS = (
    ("max_latency_ms", "p99 of at most {:g}\N{NO-BREAK SPACE}ms"),
    ("max_slowdown", "at most {:g} times the champion's median"),
    ("max_memory_mb", "at most {:g}\N{NO-BREAK SPACE}MiB"),
)


def view(run, previous):
    """What the template shows; None where nothing was checked."""
    if not run.serving:
        return None
    limits = run.section("serving", Serving)
    models = (("this model", run.serving.challenger), ("champion", run.serving.champion))
    return {
        "models": [(title, figures) for title, figures in models if figures],
        "limits": [
            text.format(limit)
            for name, text in _LIMITS
            if (limit := getattr(limits, name)) is not None
        ],
    }
