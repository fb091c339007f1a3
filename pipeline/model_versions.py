"""`models`: shows and changes what a push destination holds."""

import json
import os
from dataclasses import asdict

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TFX's file functions load TensorFlow.

from components.model_store.pins import existing, pin, pinned, unpin
from components.model_store.pruning import prune
from components.model_store.restoring import roll_back
from components.model_store.versions import list_versions

_SHOWN = ("accuracy", "mean_iou", "loss")  # In the list; `show` has every metric.


def _list(destination, arguments, say):
    versions = list_versions(destination)
    pins = pinned(destination)
    facts = [_facts(version, versions[-1].number, pins) for version in versions]
    if arguments.json:
        say(json.dumps(facts, indent=2, sort_keys=True))
    elif not facts:
        say(f"{destination} holds no version yet.")
    for fact in [] if arguments.json else facts:
        say(_line(fact))
    return 0


def _show(destination, arguments, say):
    version = existing(destination, arguments.version)
    facts = _facts(version, list_versions(destination)[-1].number, pinned(destination))
    if arguments.json:
        say(json.dumps(facts, indent=2, sort_keys=True))
        return 0
    say(_line(facts))
    origin = facts.get("origin", {})
    told = facts | {name: origin.get(name) for name in ("git_commit", "git_state")}
    for name in ("path", "fingerprint", "model_uri", "run", "git_commit", "git_state"):
        if told.get(name):
            say(f"  {name:<22} {told[name]}")
    for name, value in sorted(facts.get("metrics", {}).items()):
        say(f"  {name:<22} {value:.6g}")
    return 0


def _rollback(destination, arguments, say):
    version = roll_back(destination, arguments.version)
    record = version.record
    say(f"Version {record.restored_from} serves again, as version {version.number}.")
    say(f"To undo this: models rollback {record.replaced}")
    return 0


def _pin(destination, arguments, say):
    pin(destination, arguments.version)
    say(f"Version {arguments.version} is pinned: it is never pruned.")
    return 0


def _unpin(destination, arguments, say):
    unpin(destination, arguments.version)
    say(f"Version {arguments.version} is not pinned.")
    return 0


def _prune(destination, arguments, say):
    removed = prune(destination, arguments.keep, arguments.grace_seconds)
    left = len(list_versions(destination))
    numbers = ", ".join(str(version.number) for version in removed) or "none"
    say(f"Removed: {numbers}. Left: {left}.")
    return 0


ACTIONS = {
    "list": _list,
    "show": _show,
    "rollback": _rollback,
    "pin": _pin,
    "unpin": _unpin,
    "prune": _prune,
}


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
    ]
    parts += [f"{name} {metrics[name]:.4f}" for name in _SHOWN if name in metrics]
    if facts.get("restored_from"):
        parts.append(f"from version {facts['restored_from']}")
    parts += [
        word for key, word in (("in_service", "in service"), ("pinned", "pinned")) if facts[key]
    ]
    return "  ".join(parts)
