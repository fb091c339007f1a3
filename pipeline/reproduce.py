"""`run --from-model`: repeats the run that made a version and compares the results."""

import datetime
import math
from pathlib import Path

from pydantic import ValidationError

from components.evaluator.reading import read_verdict
from components.examples.reading import read_data
from failures import Failure
from pipeline.metadata_store import open_store, plain
from pipeline.quiet import chatter_away
from settings.configuration import Configuration
from settings.mistakes import lines
from settings.section import put

# Threads add floats in another order each time unless training.deterministic is set.
TOLERANCE = 0.01
LOSS_TOLERANCE = 0.05


def reproduce(configuration, number, write_report, results=None):
    """Runs with the configuration, data and seed of a version, in a root of its own.

    The push destination is separate as well: a reproduction never goes into service.

    Args:
      configuration: names the root and the push destination of the version, and the folders of
        this machine.
      write_report, results: as for `run_locally`.

    Returns:
      0, or 1 when the data or a metric differs.

    Raises:
      Failure: there is no such version, its origin is unknown, or the run failed.
    """
    from pipeline.local_run import run_locally

    with chatter_away():
        # Loads TensorFlow, whose first messages are noise.
        from pipeline.lineage import lineage_of

        original = lineage_of(configuration, number)
    if original["configuration"] is None:
        raise Failure(
            f"Version {number} was made before runs kept their configuration, so it cannot be "
            "reproduced. Run the pipeline again; the version that it pushes can be."
        )
    root = (
        Path(configuration.root)
        / "reproduced"
        / f"{number}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    )
    again = configuration_again(original, configuration, str(root))
    run_locally(again, write_report, results)
    return 0 if _compare(original, again, *_outcome(root)) else 1


def configuration_again(original, here, root):
    """The configuration that makes a version again in the folder `root` of this machine.

    The user's packages are where `here` looks for them. The folders of a cluster, and of the
    machine that compiled for it, are not on this machine: those of `here` replace them.

    Args:
      original: of `lineage_of`.
      here: the Configuration that a user gives.

    Raises:
      Failure: this code refuses the version's configuration.
    """
    on_a_cluster = not original["steps"]
    again = original["configuration"] | {
        "root": root,
        "push": {"destination": f"{root}/pushed"},
        "data": _data_again(original, here.data, on_a_cluster),
    }
    serving = again.get("serving", {})
    if not serving.get("check", True):
        # Earlier code took limits that nothing measured; without them, the run is the same.
        again["serving"] = serving | {"max_latency_ms": None, "max_memory_mb": None}
    if here.code is not None or on_a_cluster:
        again["code"] = here.code
    if on_a_cluster:
        put(again, "training.input.cache_dir", here.training.input.cache_dir)
    try:
        return Configuration.model_validate(again)
    except ValidationError as error:
        raise Failure(
            f"Version {original['version']} cannot be reproduced by this code, which refuses its "
            f"configuration: {'; '.join(lines(error, Configuration))}. Check out the commit that "
            f"made it, {original['git_commit'] or 'which was not recorded'}."
        ) from None


def _data_again(original, here, on_a_cluster):
    """The version's section `data`, with its spans and the time of its table."""
    data, read = original["configuration"]["data"], original["data"]
    if on_a_cluster:
        data = {key: value for key, value in data.items() if key != "cache_dir"}
        if data.get("source", "tfds") == here.source:
            keys = {here.PLACE, "root", "cache_dir"} & type(here).model_fields.keys()
            if here.PLACE is None and not data.get("root"):
                keys.discard("root")  # The table holds the images, or their addresses.
            data |= {key: getattr(here, key) for key in keys}
    if read["spans"]:
        data = data | {"span": read["spans"][-1]["span"]}
    if data.get("table") is not None and read["snapshot"]:
        data = data | {"snapshot": read["snapshot"]}
    return data


def _outcome(root):
    """The metrics and the data's fingerprint of a root's one run."""
    store = open_store(root)
    [blessing] = store.get_artifacts_by_type("ModelBlessing")
    examples = store.get_artifacts_by_type("Examples")
    [data] = filter(None, (read_data(plain(a.custom_properties)).fingerprint for a in examples))
    return read_verdict(Path(blessing.uri)).metrics, data


def _compare(original, again, metrics, fingerprint):
    """Prints both runs side by side; returns whether they agree."""
    from pipeline.origin import origin_of

    same, deterministic = True, again.training.deterministic
    print(f"version {original['version']} and its reproduction:")
    for name, before in sorted(original["metrics"].items()):
        after = metrics.get(name)
        agrees = after is not None and agree(name, before, after, deterministic)
        same &= agrees
        shown = "missing" if after is None else f"{after:.6g}"
        print(f"  {name:<22} {before:<12.6g} {shown:<12} {'same' if agrees else 'DIFFERS'}")
    known = original["data"]["fingerprint"]
    if known is None:
        print("  The data was not compared: the version's record does not hold its fingerprint.")
    elif fingerprint != known:
        same = False
        print("  The data differs: its fingerprint is another.")
    here = origin_of(again)
    commit, own_code = here["git_commit"], here.get("own_code")
    if own_code != original["own_code"]:
        print(f"  Code of your own differs: {original['own_code']} then, {own_code} now.")
    if commit != original["git_commit"]:
        print(f"  The code differs: commit {original['git_commit']} then, {commit} now.")
    how = "exactly" if deterministic else f"within {TOLERANCE} (losses {LOSS_TOLERANCE})"
    print(f"The metrics are {'' if same else 'NOT '}the same, {how}.")
    return same


def agree(name, before, after, exactly):
    """Whether two values of a metric count as the same.

    A metric is nan where nothing that it measures occurs, and so it is in the repeated run.
    """
    if math.isnan(before) and math.isnan(after):
        return True
    return abs(after - before) <= (0.0 if exactly else _tolerance(name, before))


def _tolerance(name, value):
    if name == "example_count":
        return 0.0
    return LOSS_TOLERANCE * max(1.0, abs(value)) if "loss" in name else TOLERANCE
