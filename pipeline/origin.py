"""What a run started from: commit, lock and configuration, kept in ML Metadata."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from files.strict_json import text_of
from settings.own_modules import digest

_ROOT = Path(__file__).resolve().parent.parent


class Origin(NamedTuple):
    """What a run was started from; None where it was not recorded."""

    git_commit: str | None
    git_state: str | None
    lock_sha256: str | None
    own_code: str | None  # its modules and the state of their files; None without such code
    configuration: dict[str, Any] | None  # as plain data


def read_origin(properties: Mapping[str, str]) -> Origin:
    """Reads what `origin_of` made."""
    configuration = properties.get("configuration")
    return Origin(
        *map(properties.get, Origin._fields[:-1]), configuration and json.loads(configuration)
    )


def origin_of(configuration):
    """{property: text} of what a run starts from.

    `git_commit` is 40 hexadecimal digits and `git_state` "clean" or "dirty"; both
    are "unknown" outside a git checkout, as in a container. `lock_sha256` is of
    requirements.txt, `configuration` the whole checked configuration as JSON. `own_code`, only
    where sections name user code, is its modules and a hash of their files.
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    state = "unknown" if changes is None else ("dirty" if changes else "clean")
    lock = (_ROOT / "requirements.txt").read_bytes()
    plain = configuration.model_dump(mode="json", by_alias=True)
    modules = configuration.own_modules
    own_code = {"own_code": f"{', '.join(modules)}: {digest(modules)}"} if modules else {}
    return {
        "git_commit": commit or "unknown",
        "git_state": state,
        "lock_sha256": hashlib.sha256(lock).hexdigest(),
        "configuration": text_of(plain, sort_keys=True),
        **own_code,
    }


def record_origin(handle, node, run_id, origin):
    """Writes the origin to the run's context before its first component starts.

    Args:
      handle: an open metadata.Metadata.
      node: the first node of the pipeline's intermediate representation.
      origin: what `origin_of` gave.
    """
    from tfx.orchestration.portable.mlmd import context_lib

    # TFX's own registration, so that it finds the context as it would have made it.
    context_lib.prepare_contexts(handle, node.contexts)
    context = handle.store.get_context_by_type_and_name("pipeline_run", run_id)
    for name, text in origin.items():
        context.custom_properties[name].string_value = text
    handle.store.put_contexts([context])


def _git(*words):
    """Git's answer about this checkout; None without git or a checkout."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=_ROOT, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
