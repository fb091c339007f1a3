"""What the components made on an engine, in a form in which two engines can be compared."""

import hashlib
import os
from collections import Counter
from pathlib import Path

from files import tfrecords

_GRAPH = "transform_fn/saved_model.pb"


def of(name: str, folder: Path) -> dict[str, object]:
    """{what: its value} of the outputs of a component below `folder`; all of it must be equal."""
    return {
        "TfdsExampleGen": lambda: _examples(folder / "examples"),
        "StatisticsGen": lambda: _statistics(folder / "statistics"),
        "Transform": lambda: _transform(folder),
        "Evaluator": lambda: _evaluation(folder / "evaluation"),
    }[name]()


def differences(expected: dict[str, object], found: dict[str, object]) -> list[str]:
    return [what for what in expected.keys() | found if expected.get(what) != found.get(what)]


def _examples(folder: Path) -> dict[str, object]:
    """The number of records of each split, and a hash of all of them in any order."""
    found = {}
    for split in sorted(folder.glob("Split-*")):
        digests = sorted(
            hashlib.sha256(record).digest()
            for shard in sorted(split.iterdir())
            for record in tfrecords.records(shard)
        )
        whole = hashlib.sha256(b"".join(digests)).hexdigest()
        found[f"records of {split.name}"] = len(digests), whole
    return found


def _statistics(folder: Path) -> dict[str, object]:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    found = {"overlap": (folder / "overlap.json").read_text()}
    for file in sorted(folder.glob("Split-*/FeatureStats.pb")):
        read = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        found[f"statistics of {file.parent.name}"] = read.SerializeToString(deterministic=True)
    return found


def _transform(folder: Path) -> dict[str, object]:
    graph = folder / "transform_graph"
    found = _examples(folder / "transformed_examples")
    for place, _, names in os.walk(graph):
        for name in names:
            path = Path(place, name).relative_to(graph).as_posix()
            content = (graph / path).read_bytes()
            if path == _GRAPH:
                content = _operations(content)
            elif path.endswith("fingerprint.pb"):
                content = b""  # A hash of the graph, in which functions have numbers.
            found[f"transform graph: {path}"] = content
    return found


def _operations(graph: bytes) -> Counter:
    """How often each operation is in a graph and its functions, whose names have numbers."""
    from tensorflow.core.protobuf import saved_model_pb2

    [meta] = saved_model_pb2.SavedModel.FromString(graph).meta_graphs
    functions = meta.graph_def.library.function
    nodes = [*meta.graph_def.node, *(node for one in functions for node in one.node_def)]
    return Counter(node.op for node in nodes)


def _evaluation(folder: Path) -> dict[str, object]:
    names = ("counts.json", "class_names.json", "worst_examples.json")
    return {name: (folder / name).read_text() for name in names}
