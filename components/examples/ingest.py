"""Writes the Examples of a source, and describes them."""

from tfx import types
from tfx.types import artifact_utils

from components.engine import Engine
from components.examples.contents import OnePlace, last_read
from components.examples.describing import describe
from components.spans.contents import Read, Window, read_contents
from components.spans.listing import is_listing, listing_of
from components.spans.reading import words
from components.spans.shards import write_window
from components.spans.store import SpanStore
from failures import Failure
from settings.data import Features
from settings.spans import Spanned


def ingest(
    read: Read,
    source: Spanned,
    features: Features,
    examples: types.Artifact,
    store: SpanStore,
    fingerprint: str,
    engine: Engine | None,
) -> None:
    """Reads a source, and writes the examples of each split into the shards of an artifact.

    Args:
      read: reads the source, or one span of it.
      store: where the shards of spans are kept for later runs.
      fingerprint: the driver's answer, of the content or a listing; "" where no driver ran.

    Raises:
      Failure: a file changes meanwhile or cannot be read.
    """
    found = last_read(fingerprint, source, features)
    found = found or read_contents(read, source, features, store)
    # A listing that is the same after the copy as before it is that of what was copied.
    by_listing = is_listing(fingerprint)
    seen = listing_of(source) if by_listing else found.fingerprint
    if fingerprint and fingerprint != seen:
        raise Failure(f"{found.name} changed while it was read. Run again.")
    if by_listing or not fingerprint:
        found.log()  # No driver has done so.
    examples.split_names = artifact_utils.encode_split_names(list(found.counts))
    spans, new = [], []
    if isinstance(found, Window):
        most_bytes = source.span_store_gb * 1e9
        spans, new = write_window(found, features, examples, store, most_bytes, engine)
    else:
        folders = {role: artifact_utils.get_split_uri([examples], role) for role in found.counts}
        found.write(folders, features, examples.uri, engine)
    newest = spans[-1] if spans else None
    names = getattr(source, "class_names", None)
    describe(
        examples,
        dataset=source.path,
        fingerprint=found.fingerprint,
        counts=found.counts,
        span=newest.span if newest else 0,
        version=newest.version if newest else None,
        spans=[span.facts for span in spans],
        class_names={features.label_feature: names} if names else {},
        remarks=[words(spans, new)] * bool(spans) + found.remarks,
        shared=found.shared(),
    )


def write_place(
    found: OnePlace,
    features: Features,
    examples: types.Artifact,
    *,
    dataset: str,
    snapshot: str = "",
) -> None:
    """Writes the examples of what never comes in spans, and logs what there is to report.

    Args:
      dataset, snapshot: as for `describe`.
    """
    found.log()
    examples.split_names = artifact_utils.encode_split_names(list(found.counts))
    folders = {role: artifact_utils.get_split_uri([examples], role) for role in found.counts}
    found.write(folders, features, examples.uri, None)
    describe(
        examples,
        dataset=dataset,
        snapshot=snapshot,
        fingerprint=found.fingerprint,
        counts=found.counts,
        span=0,
        remarks=found.remarks,
        shared=found.shared(),
    )
