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

# Threads add floats in another order each time unless training.deterministic is set.
TOLERANCE = 0.01
LOSS_TOLERANCE = 0.05


def reproduce(configuration, number, write_report, results=None):
    """Runs with the configuration, data and seed of a version, in a root of its own.

    The push destination is separate as well: a reproduction never goes into service.

    Args:
      configuration: names the root and the push destination of the version.
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
    here = {
        "root": str(root),
        "push": {"destination": f"{root}/pushed"},
        "data": _data_again(original, configuration.data),
    }
    try:
        again = Configuration.model_validate(original["configuration"] | here)
    except ValidationError as error:
        raise Failure(
            f"Version {number} cannot be reproduced by this code, which refuses its configuration: "
            f"{'; '.join(lines(error, Configuration))}. Check out the commit that made it, "
            f"{original['git_commit'] or 'which was not recorded'}."
        ) from None
    run_locally(again, write_report, results)
    return 0 if _compare(original, again, *_outcome(root)) else 1


def _data_again(original, here):
    """The version's section `data`, with its spans and the time of its table.

    A cluster's folders are not here: the place of the same source on this machine replaces them.
    """
    data, read = original["configuration"]["data"], original["data"]
    on_a_cluster = not original["steps"]
    if on_a_cluster and here.PLACE is not None and data.get("source", "tfds") == here.source:
        data = data | {here.PLACE: getattr(here, here.PLACE)}
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
