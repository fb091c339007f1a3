"""What an ExampleGen says of the Examples that it wrote; `reading` is its counterpart."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfx import types
from tfx.proto import example_gen_pb2

from components.examples.reading import CLASS_NAMES
from components.spans import reading
from files import writing
from files.strict_json import text_of

_NAMED = 3  # images that two splits share


def describe(
    examples: types.Artifact,
    *,
    dataset: str,
    fingerprint: str,
    counts: Mapping[str, int],
    span: int,
    version: int | None = None,
    spans: Sequence[Mapping[str, Any]] = (),
    class_names: Mapping[str, Sequence[str]] | None = None,
    remarks: Sequence[str] = (),
    shared: Mapping[tuple[str, str], Sequence[str]] | None = None,
    snapshot: str = "",
) -> None:
    """Sets the custom properties of an Examples artifact, and writes its class_names.json.

    Args:
      dataset: what was read, in the words of the configuration.
      fingerprint: changes whenever the examples could differ.
      counts: examples by split.
      span: number of the data's span, or of the newest one.
      version: of this span.
      spans: of each span of a window, its `span`, `version`, `name` and number of `examples`.
      class_names: of each label feature of ids, the names in the order of the ids; {} if none.
      shared: of two splits that share images, the names of some of these.
      remarks: what the table of the run adds to the counts.
      snapshot: the time as of which it was read, if the source keeps its past.
    """
    # TFX's own function for this would import all of TFX's components.
    payload_format = example_gen_pb2.PayloadFormat.Name(example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples.set_string_custom_property("payload_format", payload_format)
    # TFX's own ExampleGen sets it likewise; resolvers choose by the span.
    examples.set_int_custom_property("span", int(span))
    examples.span = int(span)
    if version is not None:
        examples.set_int_custom_property("version", version)
        examples.version = version
    if spans:
        examples.set_string_custom_property(reading.PROPERTY, reading.property_of(spans))
    examples.set_string_custom_property("dataset", dataset)
    if snapshot:
        examples.set_string_custom_property("snapshot", snapshot)
    examples.set_string_custom_property("fingerprint", fingerprint)
    examples.set_string_custom_property("counts", text_of(counts))
    named = [[*splits, list(names)[:_NAMED]] for splits, names in (shared or {}).items()]
    examples.set_string_custom_property("shared", text_of(named))
    total, number = sum(counts.values()), len(counts)
    summary = f"{total:,} examples in {number} split{'s' if number > 1 else ''}"
    examples.set_string_custom_property("summary", "; ".join([summary, *remarks]))
    # A file, because properties travel in a step's arguments on Kubeflow, which hold 100 kB;
    # without names as well, so that a lost one is noticed.
    writing.write(f"{examples.uri}/{CLASS_NAMES}", text_of(class_names or {}))
