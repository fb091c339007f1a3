"""Copies the chosen examples of a TFDS dataset into an Examples artifact, undecoded."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from tfx import types
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.engine import EngineExecutor
from components.tfds_example_gen import splits, workers
from components.tfds_example_gen.dataset import check_pictures, class_names, load
from components.tfds_example_gen.fingerprint import fingerprint
from settings.data import Features, TfdsSource


class Executor(EngineExecutor):
    """Writes `Split-<role>/data_tfrecord-*` and describes the artifact; see `TfdsExampleGen`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        source = TfdsSource.model_validate_json(exec_properties["source"])
        builder, roles = select(source)
        features = Features.model_validate_json(exec_properties["features"])
        check_pictures(builder, features.pictures)
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
            [shard for plan in work.values() for shard in plan], examples.uri, self.make_pipeline
        )
        expressions = source.splits.by_role()
        counts = {
            role: _checked_count(plan, builder.info.splits[expressions[role]].num_examples)
            for role, plan in work.items()
        }
        shared = [
            f"{one} and {other} share {count:,} examples"
            for (one, other), count in splits.overlaps(roles).items()
        ]
        for line in shared:
            logging.warning("%s; a model scores too well on what it was trained on", line)
        _describe(examples, builder, counts, shared, exec_properties["span"])
        # On Kubeflow no driver has found it already.
        found = exec_properties.get("fingerprint") or fingerprint(builder, roles)
        examples.set_string_custom_property("fingerprint", found)


def select(
    source: TfdsSource,
) -> tuple[tfds.core.DatasetBuilder, dict[str, tuple[splits.Piece, ...]]]:
    """Finds the dataset and the records of each role.

    Raises:
        Failure: The dataset or a split cannot be found, prepared or read.
    """
    builder = load(source.dataset, source.data_dir, source.download)
    return builder, splits.select(builder, source.splits.by_role())


def _describe(
    examples: types.Artifact,
    builder: tfds.core.DatasetBuilder,
    counts: Mapping[str, int],
    shared: Sequence[str],
    span: int,
) -> None:
    # TFX's own function for this would import all of TFX's components.
    payload_format = example_gen_pb2.PayloadFormat.Name(example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples.set_string_custom_property("payload_format", payload_format)
    # TFX's own ExampleGen sets it likewise; resolvers choose by the span.
    examples.set_int_custom_property("span", int(span))
    examples.set_string_custom_property("dataset", builder.info.full_name)
    examples.set_string_custom_property("class_names", json.dumps(class_names(builder)))
    examples.set_string_custom_property("counts", json.dumps(counts))
    total, number = sum(counts.values()), len(counts)
    summary = f"{total:,} examples in {number} split{'s' if number > 1 else ''}"
    examples.set_string_custom_property("summary", "; warning: ".join([summary, *shared]))


def _checked_count(plan: Sequence[splits.Shard], expected: int) -> int:
    """Counts what is in a split's shards: each has its name only when all of it is in it.

    Beam runners have been seen to lose records: that must stop a run, not pass unnoticed.
    """
    count = sum(shard.piece.take for shard in plan if fileio.exists(shard.path))
    if count != expected:
        folder = plan[0].path
        raise RuntimeError(f"{count:,} examples are in {folder}, TFDS has {expected:,}")
    return count
