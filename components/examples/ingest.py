"""Writes the Examples of a source of files, and describes them."""

from tfx import types
from tfx.types import artifact_utils

from components.engine import MakePipeline
from components.examples import entry_shards
from components.examples.contents import Contents
from components.examples.describing import describe
from components.examples.entries import shared
from components.examples.findings import remarks
from components.examples.shards import all_or_none, checked_count, write_all
from components.spans.contents import Window
from components.spans.reading import words
from components.spans.shards import write_window
from components.spans.store import SpanStore
from failures import Failure
from settings.data import Features
from settings.spans import Spanned


def ingest(
    found: Contents,
    features: Features,
    examples: types.Artifact,
    *,
    source: Spanned,
    store: SpanStore,
    fingerprint: str,
    make_pipeline: MakePipeline | None,
) -> None:
    """Writes the entries of each split into the shards of an Examples artifact.

    Args:
      source: what was read; the artifact names it by its path.
      store: where the shards of spans are kept for later runs.
      fingerprint: the driver's answer; "" where no driver ran.

    Raises:
      Failure: a file changes meanwhile or cannot be read.
    """
    if fingerprint and fingerprint != found.fingerprint:
        raise Failure(f"{found.name} changed while it was read. Run again.")
    if not fingerprint:
        found.log()  # No driver has done so.
    examples.split_names = artifact_utils.encode_split_names(list(found.roles))
    spans, new = [], []
    if isinstance(found, Window):
        most_bytes = source.span_store_gb * 1e9
        spans, new = write_window(found, features, examples, store, most_bytes, make_pipeline)
    else:
        _write(found, features, examples, make_pipeline)
    newest = spans[-1] if spans else None
    describe(
        examples,
        dataset=source.path,
        fingerprint=found.fingerprint,
        counts={role: len(entries) for role, entries in found.roles.items()},
        span=newest.span if newest else 0,
        version=newest.version if newest else None,
        spans=[span.facts for span in spans],
        remarks=[words(spans, new)] * bool(spans) + remarks(found.findings),
        shared=shared(found.roles),
    )


def _write(
    found: Contents,
    features: Features,
    examples: types.Artifact,
    make_pipeline: MakePipeline | None,
) -> None:
    work = {
        role: entry_shards.plan(
            entries, found.folder, artifact_utils.get_split_uri([examples], role), features
        )
        for role, entries in found.roles.items()
    }
    every = [shard for plan in work.values() for shard in plan]
    with all_or_none([shard.path for shard in every]):
        write_all(entry_shards.write, every, examples.uri, make_pipeline)
    for role, plan in work.items():
        checked_count(
            [(shard.path, len(shard.entries)) for shard in plan], len(found.roles[role]), found.name
        )
