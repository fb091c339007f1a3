"""Runs Transform on one Examples artifact."""

import json
import os
from collections import Counter
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tfx.types import artifact_utils

from components.engine import EngineExecutor
from components.schema_gen import schema_files
from components.transform import (
    in_process,
    masks,
    on_beam,
    options,
    preprocessing,
    transform_graph,
)
from components.transform.job import TRAIN, Job, list_shards
from components.transform.shards import ShardResult
from failures import Failure
from files import writing

_UNFINISHED = "unfinished"


class Executor(EngineExecutor):
    """Writes the transform graph and the transformed examples; see `component.Transform`."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Transforms every split.

        Args:
          input_dict: `examples`, with the custom property `class_names` where the
            dataset names its classes; `schema`.
          output_dict: `transform_graph` and `transformed_examples`.
          exec_properties: `preprocessing`, JSON of `options.Preprocessing`.

        Raises:
          Failure: when the configuration, the schema, a file, a label, an image or a
            mask cannot be used.
        """
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        schema = artifact_utils.get_single_instance(input_dict["schema"])
        graph = artifact_utils.get_single_instance(output_dict["transform_graph"])
        transformed = artifact_utils.get_single_instance(output_dict["transformed_examples"])
        unfinished = f"{graph.uri}/{_UNFINISHED}"
        job = make_job(
            examples, schema.uri, transformed.uri, unfinished, exec_properties["preprocessing"]
        )
        with writing.reported(os.path.dirname(transformed.uri)):
            results = self._write(job, graph.uri, unfinished)
        _describe(examples, transformed, graph, results, job)

    def _write(self, job: Job, graph_uri: str, unfinished: str) -> list[ShardResult]:
        for folder in {shard.target.rpartition("/")[0] for shard in job.shards}:
            tf.io.gfile.makedirs(folder)
        tf.io.gfile.makedirs(unfinished)
        try:
            results = self._run(job)
            check_training_split(results, job)
            transform_graph.write_raw_schema(job)
            if job.options.target == "mask":
                vocabulary_file = f"{job.graph_uri}/transform_fn/assets/{preprocessing.VOCABULARY}"
                masks.write_assets(train_pixels(results), vocabulary_file, job)
            # gfile may end the names of folders with a slash.
            made = [name.rstrip("/") for name in tf.io.gfile.listdir(job.graph_uri)]
            # Whoever finds transform_fn finds all the rest.
            for name in sorted(made, key=lambda name: name == "transform_fn"):
                writing.publish(f"{job.graph_uri}/{name}", f"{graph_uri}/{name}")
        finally:
            tf.io.gfile.rmtree(unfinished)
        return results

    def _run(self, job: Job) -> list[ShardResult]:
        if self.make_pipeline:
            return on_beam.run(job, self.make_pipeline)
        return in_process.run(job)


def make_job(examples, schema_uri: str, target_uri: str, unfinished: str, text: str) -> Job:
    """Puts together what the artifacts and the configuration say."""
    asked = options.from_json(text)
    features = transform_graph.raw_features(schema_files.read(schema_uri), asked)
    label = asked.label_feature
    names = json.loads(examples.get_string_custom_property("class_names") or "{}")
    splits = artifact_utils.decode_split_names(examples.split_names)
    return Job(
        options=asked,
        features=features,
        class_names=class_names(names.get(label), features.get(label)),
        shards=list_shards(examples.uri, target_uri, splits),
        graph_uri=f"{unfinished}/graph",
        temp_dir=f"{unfinished}/temp",
    )


def class_names(names: Sequence[str] | None, label_type: tf.DType | None) -> Sequence[str] | None:
    """The names of integer labels; labels that are texts are their own names.

    Raises:
      Failure: when two classes share a name, so that no vocabulary can tell them apart.
    """
    if not names or label_type != tf.int64:
        return None
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise Failure(
            f"Transform: {count} classes of the dataset are named {name!r}, and every class "
            "needs a name of its own. Rename them in the dataset."
        )
    return names


def check_training_split(results: Sequence[ShardResult], job: Job) -> None:
    """Raises a Failure when the training split is empty or has examples without a class."""
    train = [result for result in results if result.split == TRAIN]
    if not any(result.written for result in train):
        raise Failure(
            f"Transform: no image is left in split {TRAIN!r}. Give the split another expression "
            "or repair the dataset."
        )
    if job.options.target == "mask":
        masks.check_classes(train_pixels(results), job)
        return
    unknown = sum(result.out_of_vocabulary for result in train)
    if unknown:
        limit = f"from 0 to {len(job.class_names) - 1}" if job.class_names else "not empty"
        raise Failure(
            f"Transform: {unknown} examples of split {TRAIN!r} have a label in feature "
            f"{job.options.label_feature!r} that is no class; labels are {limit}. "
            "Leave such examples out of the split's expression or repair the dataset."
        )


def train_pixels(results: Sequence[ShardResult]) -> np.ndarray:
    """(256,) pixels of the training split's masks by class id."""
    return np.sum([result.mask_pixels for result in results if result.split == TRAIN], axis=0)


def _describe(examples, transformed, graph, results: Sequence[ShardResult], job: Job) -> None:
    """Sets what the artifacts say of themselves."""
    written, dropped, unknown = Counter(), Counter(), Counter()
    for result in results:
        written[result.split] += result.written
        dropped[result.split] += len(result.corrupt)
        unknown[result.split] += result.out_of_vocabulary
    with tf.io.gfile.GFile(f"{graph.uri}/transform_fn/assets/{preprocessing.VOCABULARY}") as file:
        classes = sum(1 for _ in file)
    size = f"{job.options.height}x{job.options.width}x{job.options.channels}"
    pictures = "images" if job.options.target == "label" else "images and masks"
    summary = f"{sum(written.values()):,} {pictures} of {size}, {classes:,} classes"
    if any(dropped.values()):
        summary += f"; {sum(dropped.values()):,} corrupt dropped"
    if job.options.target == "mask":
        pixels = masks.statistics(train_pixels(results), job)["pixels"]
        if unseen := [name for name, count in pixels.items() if not count]:
            summary += f"; train has no pixel of {', '.join(unseen)}"
    if any(unknown.values()):
        summary += f"; {sum(unknown.values()):,} with a label that train lacks"
    transformed.split_names = examples.split_names
    transformed.span = examples.span
    # The names that tfx.components.util.examples_utils reads; importing it takes half a second.
    transformed.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    transformed.set_string_custom_property("file_format", "tfrecords")
    for name, counts in (("counts", written), ("dropped", dropped), ("out_of_vocabulary", unknown)):
        transformed.set_string_custom_property(name, json.dumps(counts, sort_keys=True))
    transformed.set_string_custom_property("summary", summary)
    graph.set_string_custom_property("summary", f"{classes:,} classes")
