"""Runs Transform on one Examples artifact.

TensorFlow Transform's own Beam pipeline decodes the training split twice, to analyse and
to transform it, and costs two seconds before it sees an example. Here the labels are read
first, without decoding, and the pixels are added up as they are written; the graph and
its assets are TensorFlow Transform's.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence

import tensorflow as tf
from tfx.types import artifact_utils

from components.engine import EngineExecutor, run_shards
from components.schema_gen import schema_files
from components.transform import masks, pixel_statistics, transform_graph, vocabulary
from components.transform.corrupt_images import enforce_policy
from components.transform.job import TRAIN, Job, list_shards
from components.transform.preprocessing import OUT_OF_VOCABULARY
from components.transform.shards import ShardResult, TransformShard
from failures import Failure
from files import places, writing
from settings.data import Features
from settings.preprocessing import Preprocessing

_ASSETS = "transform_fn/assets"


class Executor(EngineExecutor):
    """Writes the transform graph and the transformed examples; see `component.Transform`."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Transforms every split.

        Args:
          input_dict: `examples`, with the custom property `class_names` where the
            dataset names its classes; `schema`.
          output_dict: `transform_graph` and `transformed_examples`.
          exec_properties: `preprocessing` and `features`, JSON of these sections.

        Raises:
          Failure: the schema, a file, a label, an image or a mask cannot be used.
        """
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        schema = artifact_utils.get_single_instance(input_dict["schema"])
        graph = artifact_utils.get_single_instance(output_dict["transform_graph"])
        transformed = artifact_utils.get_single_instance(output_dict["transformed_examples"])
        job = make_job(
            examples,
            schema.uri,
            transformed.uri,
            graph.uri,
            Preprocessing.model_validate_json(exec_properties["preprocessing"]),
            Features.model_validate_json(exec_properties["features"]),
        )
        with writing.reported(os.path.dirname(transformed.uri)):
            try:
                results = self._write(job)
            finally:
                writing.remove(job.temp_dir)
            if not places.is_remote(graph.uri):
                writing.sync(graph.uri)
        _describe(examples, transformed, graph, results, job)

    def _write(self, job: Job) -> list[ShardResult]:
        for folder in {shard.target.rpartition("/")[0] for shard in job.shards}:
            writing.make_folder(folder)
        writing.make_folder(job.temp_dir)
        if job.features.target == "mask":
            results = self._transform(job, None)
        else:
            labels = self._vocabulary(job)
            results = self._transform(job, labels)
            met = {number for result in _train(results) for number in result.targets}
            if (remaining := vocabulary.only(labels, met)) != labels:
                # All images of a class were corrupt, which is known only now.
                results = self._transform(job, remaining)
        check_training_split(results, job)
        if job.features.target == "mask":
            masks.write_assets(train_targets(results), _vocabulary_file(job), job)
        sums = pixel_statistics.no_sums(job.options.channels)
        sums = pixel_statistics.add([sums, *(result.pixels for result in _train(results))])
        images = sum(result.written for result in _train(results))
        content = pixel_statistics.as_json(sums, images, job.options.shape)
        writing.write(f"{job.graph_uri}/{pixel_statistics.FILE}", content)
        return results

    def _vocabulary(self, job: Job) -> bytes:
        found = run_shards(
            vocabulary.LabelsOfShard(job),
            job.train_shards,
            f"{job.temp_dir}/reports/labels",
            self.make_pipeline,
        )
        return vocabulary.content(set().union(*found), job.class_names)

    def _transform(self, job: Job, labels: bytes | None) -> list[ShardResult]:
        """Writes the graph with this vocabulary, and every transformed file."""
        vocabulary_file = None
        if labels is not None:
            vocabulary_file = f"{job.temp_dir}/{vocabulary.NAME}"
            writing.write(vocabulary_file, labels)
        for part in ("transform_fn", "transformed_metadata"):  # of a vocabulary that was too long
            writing.remove(f"{job.graph_uri}/{part}")
        transform_graph.write(job, vocabulary_file)
        results, corrupt = [], []
        for result in run_shards(
            TransformShard(job, transform_graph.load),
            job.shards,
            f"{job.temp_dir}/reports/shards",
            self.make_pipeline,
        ):
            results.append(result)
            corrupt += result.corrupt
            options = job.options
            enforce_policy("Transform", corrupt, options.on_corrupt_image, options.max_dropped)
        return results


def make_job(
    examples,
    schema_uri: str,
    target_uri: str,
    graph_uri: str,
    options: Preprocessing,
    features: Features,
) -> Job:
    """Puts together what the artifacts and the configuration say."""
    types = transform_graph.raw_types(schema_files.read(schema_uri), features)
    names = json.loads(examples.get_string_custom_property("class_names") or "{}")
    splits = artifact_utils.decode_split_names(examples.split_names)
    return Job(
        options=options,
        features=features,
        types=types,
        class_names=class_names(names.get(features.label), types.get(features.label)),
        shards=list_shards(examples.uri, target_uri, splits),
        graph_uri=graph_uri,
        temp_dir=f"{graph_uri}/unfinished",
    )


def class_names(names: Sequence[str] | None, label_type: tf.DType | None) -> Sequence[str] | None:
    """The names of integer labels; labels that are texts are their own names.

    Raises:
      Failure: two classes share a name, so no vocabulary can tell them apart.
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
    if not any(result.written for result in _train(results)):
        raise Failure(
            f"Transform: no image is left in split {TRAIN!r}. Give the split another expression "
            "or repair the dataset."
        )
    if job.features.target == "mask":
        masks.check_classes(train_targets(results), job)
        return
    unknown = train_targets(results)[OUT_OF_VOCABULARY]
    if unknown:
        limit = f"from 0 to {len(job.class_names) - 1}" if job.class_names else "not empty"
        raise Failure(
            f"Transform: {unknown} examples of split {TRAIN!r} have a label in feature "
            f"{job.features.label_feature!r} that is not a class; labels are {limit}. "
            "Leave such examples out of the split's expression or repair the dataset."
        )


def train_targets(results: Sequence[ShardResult]) -> Counter[int]:
    """Examples of the training split by class, or its masks' pixels by class id."""
    return sum((result.targets for result in _train(results)), Counter())


def _train(results: Sequence[ShardResult]) -> list[ShardResult]:
    return [result for result in results if result.split == TRAIN]


def _vocabulary_file(job: Job) -> str:
    return f"{job.graph_uri}/{_ASSETS}/{vocabulary.NAME}"


def _describe(examples, transformed, graph, results: Sequence[ShardResult], job: Job) -> None:
    """Sets the artifacts' properties."""
    written, dropped, unknown = Counter(), Counter(), Counter()
    for result in results:
        written[result.split] += result.written
        dropped[result.split] += len(result.corrupt)
        if job.features.target == "label":
            unknown[result.split] += result.targets[OUT_OF_VOCABULARY]
    with tf.io.gfile.GFile(_vocabulary_file(job)) as file:
        classes = sum(1 for _ in file)
    pictures = "images" if job.features.target == "label" else "images and masks"
    size = "x".join(map(str, job.options.shape))
    summary = f"{sum(written.values()):,} {pictures} of {size}, {classes:,} classes"
    if any(dropped.values()):
        summary += f"; {sum(dropped.values()):,} corrupt dropped"
    if job.features.target == "mask":
        pixels = masks.statistics(train_targets(results), job)["pixels"]
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
