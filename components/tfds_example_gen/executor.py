"""Copies the chosen examples of a TFDS dataset into an Examples artifact, undecoded."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from tfx import types
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.engine import EngineExecutor
from components.tfds_example_gen import splits, workers
from components.tfds_example_gen.dataset import class_names, load
from components.tfds_example_gen.fingerprint import fingerprint


class Executor(EngineExecutor):
    """Executor of TfdsExampleGen; see the component for its parameters."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `Split-<role>/data_tfrecord-*` below the artifact and describes it.

        Args:
            input_dict: Empty.
            output_dict: `examples`: one Examples artifact.
            exec_properties: The component's parameters, and `fingerprint` where the
                driver ran.

        Raises:
            Failure: The dataset or a split cannot be found or read, or written here.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        builder, roles = select(exec_properties)
        examples.split_names = artifact_utils.encode_split_names(list(roles))
        work = {
            role: splits.plan(
                pieces,
                split_uri=artifact_utils.get_split_uri([examples], role),
                file_format=builder.info.file_format.value,
            )
            for role, pieces in roles.items()
        }
        workers.write_all(
            [shard for plan in work.values() for shard in plan],
            self.make_pipeline,
        )
        expressions = json.loads(exec_properties["splits"])
        counts = {
            role: _checked_count(plan, builder.info.splits[expressions[role]].num_examples)
            for role, plan in work.items()
        }
        _describe(examples, builder, counts, exec_properties)
        examples.set_string_custom_property(
            "fingerprint", exec_properties.get("fingerprint") or fingerprint(builder, roles)
        )


def select(
    exec_properties: Mapping[str, Any],
) -> tuple[tfds.core.DatasetBuilder, dict[str, tuple[splits.Piece, ...]]]:
    """Finds the dataset and the records of each role that the parameters ask for."""
    builder = load(
        exec_properties["dataset"],
        exec_properties.get("data_dir"),
        bool(exec_properties.get("download")),
    )
    return builder, splits.select(builder, json.loads(exec_properties["splits"]))


def _describe(
    examples: types.Artifact,
    builder: tfds.core.DatasetBuilder,
    counts: Mapping[str, int],
    exec_properties: Mapping[str, Any],
) -> None:
    # TFX's own function for this would bring all of TFX's components with it.
    payload_format = example_gen_pb2.PayloadFormat.Name(example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples.set_string_custom_property("payload_format", payload_format)
    # As TFX's own ExampleGen does it; resolvers choose by the span.
    examples.set_int_custom_property("span", int(exec_properties.get("span") or 0))
    examples.set_string_custom_property("dataset", builder.info.full_name)
    examples.set_string_custom_property("class_names", json.dumps(class_names(builder)))
    examples.set_string_custom_property("counts", json.dumps(counts))
    total, number = sum(counts.values()), len(counts)
    examples.set_string_custom_property(
        "summary", f"{total:,} examples in {number} split{'s' if number > 1 else ''}"
    )


def _checked_count(plan: Sequence[splits.Shard], expected: int) -> int:
    """Counts what is in a split's shards: each has its name only when all of it is in it.

    Beam runners have been seen to lose records: that must stop a run, not pass unnoticed.
    """
    count = sum(shard.piece.take for shard in plan if fileio.exists(shard.path))
    if count != expected:
        folder = plan[0].path
        raise RuntimeError(f"{count:,} examples are in {folder}, TFDS has {expected:,}")
    return count
