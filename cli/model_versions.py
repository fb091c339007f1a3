"""The verbs `models` and `lineage`: what a push destination holds, and where it comes from."""

from dataclasses import asdict

from cli.configuration_arguments import (
    add_configuration,
    add_place,
    configuration_of,
    configuration_or_none,
    place_of,
)
from files.strict_json import text_of
from pipeline.quiet import chatter_away

# `show` has every metric.
_IN_THE_LIST = ("accuracy", "mean_iou", "mean_average_precision", "loss")


def add_verbs(verbs):
    """Adds the verbs to what argparse's add_subparsers returned."""
    models = verbs.add_parser("models", help="the pushed versions: list, roll back, prune")
    actions = models.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, act in _ACTIONS.items():
        action = actions.add_parser(name, help=act.__doc__)
        add_place(action, "--destination", "a push destination")
        if name in ("show", "pin", "unpin", "rollback"):
            optional = "?" if name == "rollback" else None
            action.add_argument("version", type=int, nargs=optional, metavar="VERSION")
        if name == "prune":
            action.add_argument("--keep", type=int, default=5, help="newest ones (default: 5)")
            action.add_argument(
                "--grace-seconds", type=float, default=60.0, help="since it last served (60)"
            )
        if name in ("list", "show"):
            action.add_argument("--json", action="store_true", help="as JSON")
        action.set_defaults(verb=_models, act=act)
    lineage = verbs.add_parser("lineage", help="which data, code and settings made a version")
    lineage.add_argument("version", type=int, metavar="MODEL_VERSION")
    lineage.add_argument("--json", action="store_true", help="as JSON")
    lineage.set_defaults(verb=_lineage)
    add_configuration(lineage)


def _models(arguments):
    destination = place_of(arguments, configuration_or_none(arguments))
    with chatter_away():  # TensorFlow is loaded for its file functions.
        arguments.act(destination, arguments)


def _list(destination, arguments):
    """the pushed versions, and which one serves"""
    from components.model_store.pins import pinned
    from components.model_store.versions import list_versions

    versions, pins = list_versions(destination), pinned(destination)
    facts = [_facts(version, versions[-1].number, pins) for version in versions]
    if arguments.json:
        print(text_of(facts, indent=2, sort_keys=True))
    elif facts:
        print(*map(_line, facts), sep="\n")
    else:
        print(f"{destination} holds no version yet.")


def _show(destination, arguments):
    """what made one version, and its metrics"""
    from components.model_store.pins import existing, pinned
    from components.model_store.versions import list_versions

    version = existing(destination, arguments.version)
    facts = _facts(version, list_versions(destination)[-1].number, pinned(destination))
    if arguments.json:
        print(text_of(facts, indent=2, sort_keys=True))
        return
    print(_line(facts))
    shown = facts.get("origin", {}) | facts
    for name in ("path", "fingerprint", "model_uri", "run", "git_commit", "git_state"):
        if shown.get(name):
            print(f"  {name:<22} {shown[name]}")
    if facts.get("exports"):
        print(f"  {'exports':<22} {', '.join(facts['exports'])}")
    for name, value in sorted(facts.get("metrics", {}).items()):
        print(f"  {name:<22} {value:.6g}")


def _rollback(destination, arguments):
    """serve an earlier version again (default: the one that served before)"""
    from components.model_store.restoring import roll_back

    version = roll_back(destination, arguments.version)
    print(f"Version {version.record.restored_from} serves again, as version {version.number}.")
    print(f"To undo this: models rollback {version.record.replaced}")


def _pin(destination, arguments):
    """never prune a version"""
    from components.model_store.pins import pin

    pin(destination, arguments.version)
    print(f"Version {arguments.version} is pinned: it is never pruned.")


def _unpin(destination, arguments):
    """allow a pinned version to be pruned"""
    from components.model_store.pins import unpin

    unpin(destination, arguments.version)
    print(f"Version {arguments.version} is not pinned.")


def _prune(destination, arguments):
    """remove old versions, but never the one in service, the champion or a pinned one"""
    from components.model_store.pruning import prune
    from components.model_store.versions import list_versions

    removed = prune(destination, arguments.keep, arguments.grace_seconds)
    numbers = ", ".join(str(version.number) for version in removed) or "none"
    print(f"Removed: {numbers}. Left: {len(list_versions(destination))}.")


_ACTIONS = {act.__name__[1:]: act for act in (_list, _show, _rollback, _pin, _unpin, _prune)}


def _facts(version, serving, pins):
    facts = {
        "version": version.number,
        "path": version.path,
        "in_service": version.number == serving,
        "pinned": version.number in pins,
    }
    return facts | (asdict(version.record) if version.record else {})


def _line(facts):
    metrics = facts.get("metrics", {})
    parts = [
        f"version {facts['version']:<4}",
        facts.get("pushed_at") or "not pushed by this project",
        *(f"{name} {metrics[name]:.4f}" for name in _IN_THE_LIST if name in metrics),
    ]
    if facts.get("restored_from"):
        parts.append(f"from version {facts['restored_from']}")
    flags = {"in_service": "in service", "pinned": "pinned"}
    return "  ".join([*parts, *(words for key, words in flags.items() if facts[key])])


def _lineage(arguments):
    configuration = configuration_of(arguments)
    with chatter_away():
        from pipeline.lineage import lineage_of

        lineage = lineage_of(configuration, arguments.version)
    if arguments.json:
        print(text_of(lineage, indent=2, sort_keys=True))
        return
    for line in _lines(lineage):
        print(line)


def _started(lineage):
    """Who started a run on a cluster; None for one of this machine."""
    if lineage.get("trigger") != "schedule":
        return lineage.get("trigger") and "by hand"
    return f"by its schedule, for {lineage.get('scheduled_time') or 'a time that is not known'}"


def _lines(lineage):
    from components.examples.reading import span_words

    data, commit = lineage["data"], lineage["git_commit"]
    counts = ", ".join(f"{role} {count:,}" for role, count in data["counts"].items())
    facts = {
        f"version {lineage['version']}": lineage["path"],
        "restored from": lineage["restored_from"] and f"version {lineage['restored_from']}",
        "metrics": ", ".join(f"{name} {value:.4f}" for name, value in lineage["metrics"].items()),
        "model": lineage["model"],
        "run": lineage.get("run_link") or lineage["run"],
        "started": _started(lineage),
        "data": f"{data['dataset']}, {counts}" if data["dataset"] else "see Kubeflow's run",
        "spans": ", ".join(map(span_words, data["spans"])),
        "read as of": data["snapshot"],
        "data fingerprint": data["fingerprint"],
        "schema": lineage["schema"],
        "transform graph": lineage["transform_graph"],
        "code": f"commit {commit}, {lineage['git_state']}" if commit else "not recorded",
        "lock": lineage["lock_sha256"] or "not recorded",
        "own code": lineage["own_code"],
    }
    yield from (f"{name:<17} {fact}" for name, fact in facts.items() if fact)
    if lineage["configuration"] is None:
        yield "configuration     not recorded"
        return
    import yaml

    yield "configuration"
    plain = yaml.safe_dump(lineage["configuration"], sort_keys=False, allow_unicode=True)
    yield from (f"  {line}" for line in plain.splitlines())
