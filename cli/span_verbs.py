"""The verb `spans`: which spans there are, which the window takes, and what is kept of them."""

import argparse
import datetime
from pathlib import Path

from cli.configuration_arguments import add_configuration, configuration_of
from failures import ConfigurationError, Failure
from files.strict_json import text_of
from settings.spans import number_of


def add_verbs(verbs):
    """Adds the verb to what argparse's add_subparsers returned."""
    spans = verbs.add_parser("spans", help="the spans in which data arrives: list, show, drop")
    actions = spans.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, act in _ACTIONS.items():
        action = actions.add_parser(name, help=act.__doc__)
        if name != "list":
            action.add_argument("span", type=span_number, metavar="SPAN", help="a number or a date")
        if name != "drop":
            action.add_argument("--json", action="store_true", help="as JSON")
        action.set_defaults(verb=_spans, act=act)
        add_configuration(action)


def span_number(text):
    """The number of a span that an argument names, itself or by its date."""
    try:
        return int(text) if text.isdigit() else number_of(datetime.date.fromisoformat(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"given {text!r}; allowed: a whole number, or a date such as 2026-11-26"
        ) from None


def _spans(arguments):
    configuration = configuration_of(arguments)
    source = configuration.data.source_keys
    if not getattr(source, "has_spans", False):
        raise ConfigurationError(
            f"{arguments.config}: the data does not come in spans; allowed: {{SPAN}}, or {{YYYY}}, "
            "{MM} and {DD}, in data.path"
        )
    arguments.act(configuration, source, arguments)


def _list(configuration, source, arguments):
    """the spans that there are, which the window takes, and what is kept of them"""
    facts, mistake = _known(configuration, source)
    if arguments.json:
        print(text_of(facts, indent=2, sort_keys=True))
    else:
        print(*map(_line, facts), sep="\n", end="\n" if facts else "")
    if mistake:
        raise mistake


def _show(configuration, source, arguments):
    """what is known of one span, each version of it"""
    every, _ = _known(configuration, source)
    facts = [fact for fact in every if fact["span"] == arguments.span]
    if not facts:
        raise Failure(f"There is no span {arguments.span}, and none is kept. See `spans list`.")
    if arguments.json:
        print(text_of(facts, indent=2, sort_keys=True))
        return
    for fact in facts:
        print(_line(fact))
        for name in ("fingerprint", "used", "kept"):
            if fact.get(name):
                value = ", ".join(fact[name]) if name == "kept" else fact[name]
                print(f"  {name:<12} {value}")
        for split, number in fact.get("counts", {}).items():
            print(f"  {split:<12} {number:,} examples")


def _drop(configuration, source, arguments):
    """forget what is kept of a span: the next run reads it again; its own files stay"""
    from components.spans.store import drop
    from pipeline.root_lock import hold

    folder, dropped = _folder(configuration), []
    if Path(folder).is_dir():  # To hold a root that is not mounted would make an empty one.
        with hold(configuration.root):
            dropped = drop(folder, _pattern(source), arguments.span)
    if not dropped:
        raise Failure(f"Nothing is kept of span {arguments.span}. See `spans list`.")
    size = sum(one[1] for one in dropped)
    print(f"Dropped: {len(dropped)} of span {arguments.span}, {size / 1e6:,.1f} MB.")


_ACTIONS = {act.__name__[1:]: act for act in (_list, _show, _drop)}


def _folder(configuration):
    from components.spans.store import SPANS

    return str(Path(configuration.root) / SPANS)


def _pattern(source):
    from components.spans.pattern import absolute

    return absolute(source.path)


def _known(configuration, source):
    """What is known of each version of each span, and the Failure that a run would meet now."""
    from components.spans.pattern import has_dates, places
    from components.spans.store import kept_spans
    from components.spans.window import chosen

    kept = kept_spans(_folder(configuration), _pattern(source))
    window, mistake = [], None
    try:
        window = chosen(source, [one.place for one in kept], configuration.root)
    except Failure as failure:
        mistake = failure
    there = {place[:2]: place for place in places(source.path)}
    every = {one.place[:2]: one.place for one in kept} | there
    dates = has_dates(source.path)
    facts = [
        _facts(place, kept, window, dates, gone=key not in there) for key, place in every.items()
    ]
    return sorted(facts, key=lambda fact: (fact["span"], fact["version"] or 0)), mistake


def _facts(place, kept, window, dates, gone):
    from components.spans.words import name_of

    facts = {
        "span": place.span,
        "name": name_of(place.span, dates),
        "version": place.version,
        "path": place.path,
        "in_window": place in window,
        "gone": gone,
    }
    # Of one span there may be several contents, of which the last one used counts.
    ours = [one for one in kept if one.place[:2] == place[:2]]
    if not ours:
        return facts
    used = datetime.datetime.fromtimestamp(ours[-1].used, datetime.UTC)
    return facts | {
        "counts": ours[-1].counts,
        "fingerprint": ours[-1].fingerprint,
        "used": used.isoformat(timespec="seconds"),
        "kept": ours[-1].kinds,
        "bytes": sum(one.bytes for one in ours),
    }


def _line(fact):
    version = "" if fact["version"] is None else f"version {fact['version']}"
    state = "not read yet"
    if "counts" in fact:
        state = f"{sum(fact['counts'].values()):,} examples, {fact['bytes'] / 1e6:,.1f} MB kept"
    words = [f"span {fact['name']:<6}", version, state, fact["path"]]
    words += ["in the window"] * fact["in_window"] + ["gone"] * fact["gone"]
    return "  ".join(filter(None, words))
