"""Examples of a run's data, read without TensorFlow, whose import takes seconds."""

import contextlib
import functools
import gzip
import zlib
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_FIELD = descriptor_pb2.FieldDescriptorProto
_MOST_PACKED = 1032  # times: deflate packs no tighter


def read_examples(run, split, most):
    """The first examples of a split, at most `most`: {feature: [bytes, int or float]} each.

    A shard that is damaged ends there: the report is no place to stop at it.
    """
    artifact = run.artifact("TfdsExampleGen", "examples")
    shards = sorted(Path(artifact.uri).glob(f"Split-{split}/*")) if artifact else []
    example = _example_class()
    for shard in shards:
        for record in _records(shard):
            if most <= 0:
                return
            most -= 1
            try:
                features = example.FromString(record).features.feature
            except DecodeError:
                break
            yield {name: _values(feature) for name, feature in features.items()}


def _values(feature):
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _records(file):
    """The records of a TFRecord file, gzipped if its name ends in .gz; checksums passed over."""
    packed = file.suffix == ".gz"
    most = file.stat().st_size * (_MOST_PACKED if packed else 1)
    # What zlib says of damaged data is neither an OSError nor a ValueError.
    with (
        contextlib.suppress(OSError, EOFError, zlib.error),
        gzip.open(file) if packed else open(file, "rb") as data,
    ):
        while len(head := data.read(12)) == 12:  # a length, and its checksum
            length = int.from_bytes(head[:8], "little")
            if length > most:
                return
            yield data.read(length)
            data.read(4)


@functools.cache
def _example_class():
    """The class of tensorflow/core/example/example.proto, in a pool of its own.

    TensorFlow's own class registers in the default pool; the two do not meet.
    """
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="report")
    lists = {
        "BytesList": _FIELD.TYPE_BYTES,
        "FloatList": _FIELD.TYPE_FLOAT,
        "Int64List": _FIELD.TYPE_INT64,
    }
    for name, kind in lists.items():
        _add(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(lists, 1):
        key = name.removesuffix("List").lower() + "_list"
        _add(feature, key, number, _FIELD.TYPE_MESSAGE, name).oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, _FIELD.TYPE_STRING)
    _add(entry, "value", 2, _FIELD.TYPE_MESSAGE, "Feature")
    _add(features, "feature", 1, _FIELD.TYPE_MESSAGE, "Features.FeatureEntry", repeated=True)
    _add(file.message_type.add(name="Example"), "features", 1, _FIELD.TYPE_MESSAGE, "Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("report.Example"))


def _add(message, name, number, kind, of=None, repeated=False):
    label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    type_name = of and f".report.{of}"
    return message.field.add(name=name, number=number, type=kind, label=label, type_name=type_name)
