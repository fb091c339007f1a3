"""Writes the Examples of a source of files, and describes them."""

from tfx import types
from tfx.types import artifact_utils

from components.engine import MakePipeline
from components.examples import entry_shards
from components.examples.contents import Contents
from components.examples.describing import describe
from components.examples.findings import remarks
from components.examples.shards import all_or_none, checked_count, write_all
from failures import Failure
from settings.data import Features


def ingest(
    found: Contents,
    features: Features,
    examples: types.Artifact,
    *,
    dataset: str,
    span: int,
    fingerprint: str,
    make_pipeline: MakePipeline | None,
) -> None:
    """Writes the entries of each split into the shards of an Examples artifact.

    Args:
      dataset: what was read, in the words of the configuration.
      fingerprint: the driver's answer; "" where no driver ran.

    Raises:
      Failure: a file changes meanwhile or cannot be read.
    """
    if fingerprint and fingerprint != found.fingerprint:
        raise Failure(f"{found.name} changed while it was read. Run again.")
    if not fingerprint:
        found.log()  # No driver has done so.
    examples.split_names = artifact_utils.encode_split_names(list(found.roles))
    work = {
        role: entry_shards.plan(
            entries, found.folder, artifact_utils.get_split_uri([examples], role), features
        )
        for role, entries in found.roles.items()
    }
    every = [shard for plan in work.values() for shard in plan]
    with all_or_none([shard.path for shard in every]):
        write_all(entry_shards.write, every, examples.uri, make_pipeline)
    counts = {
        role: checked_count(
            [(shard.path, len(shard.entries)) for shard in plan],
            len(found.roles[role]),
            found.name,
        )
        for role, plan in work.items()
    }
    describe(
        examples,
        dataset=dataset,
        fingerprint=found.fingerprint,
        counts=counts,
        span=span,
        remarks=remarks(found.findings),
    )
