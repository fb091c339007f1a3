"""Runs Transform on one Examples artifact.

TensorFlow Transform's own Beam pipeline decodes the training split twice, to analyse and
to transform it, and costs two seconds before it sees an example. Here the labels are read
first, without decoding, and the pixels are added up as they are written; the graph and
its assets are TensorFlow Transform's.
"""

import contextlib
import functools
import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import tensorflow as tf
from tfx import types
from tfx.types import artifact_utils

from components.engine import Engine, processes_for
from components.examples.counted import check_read
from components.examples.made_of import pass_on
from components.examples.reading import class_names_of
from components.schema_gen import schema_files
from components.spans.store import NO_STORE, SpanStore
from components.transform import (
    content_digest,
    pixel_overlap,
    pixel_statistics,
    transform_graph,
    vocabulary,
)
from components.transform.corrupt_images import enforce_policy, reasons
from components.transform.job import TRAIN, Job, list_shards
from components.transform.kept_shards import KeptShards, kept_shards
from components.transform.labels import OUT_OF_VOCABULARY
from components.transform.relabelling import RelabelShard
from components.transform.shards import ShardResult, TransformShard
from components.usable_cores import usable_cores
from failures import Failure
from files import places, writing
from files.strict_json import text_of
from settings.data import Features
from settings.preprocessing import Preprocessing

_ASSETS = "transform_fn/assets"
_FILES_AT_ONCE = 8  # of which a network's disk reads each no faster alone
_MUCH = 4 << 30  # bytes of raw examples, which take half a minute or more
# A fifth of the CPU time of photographs is Python's and the writing of one file.
_CORES_EACH = 4


def execute(
    examples: types.Artifact,
    schema: types.Artifact,
    preprocessing: Preprocessing,
    features: Features,
    graph: types.Artifact,
    transformed: types.Artifact,
    engine: Engine | None = None,
    store: SpanStore = NO_STORE,
    max_overlap: float = 1.0,
) -> None:
    """Writes the transform graph and the transformed examples; see `component.Transform`."""
    described = schema_files.read(schema.uri)
    dtypes = transform_graph.raw_types(described, features)
    names = class_names_of("Transform", examples)
    splits = artifact_utils.decode_split_names(examples.split_names)
    job = Job(
        options=preprocessing,
        features=features,
        types=dtypes,
        class_names=class_names(names.get(features.label), dtypes.get(features.label)),
        shards=list_shards(examples.uri, transformed.uri, splits),
        graph_uri=graph.uri,
        temp_dir=f"{graph.uri}/unfinished",
        weight_type=transform_graph.weight_type(described, features),
    )
    kept = kept_shards(examples.uri, job.shards, store)
    with writing.reported(os.path.dirname(transformed.uri)):
        try:
            results = _write(job, kept, engine)
            digests = [result.digests for result in results]
            shared = pixel_overlap.check(list(zip(job.shards, digests, strict=True)), max_overlap)
        finally:
            writing.remove(job.temp_dir)
        if not places.is_remote(graph.uri):
            writing.sync(graph.uri)
    content_digest.write(transformed.uri, (result.sha256 for result in results))
    check_read("Transform", examples, _read(results))
    warnings = [*shared, *filter(None, [transform_graph.unnamed_weights(described, features)])]
    remarks = [*filter(None, [kept.words]), *(f"warning: {line}" for line in warnings)]
    _describe(examples, transformed, graph, results, job, remarks)


def _write(job: Job, kept: KeptShards, engine: Engine | None) -> list[ShardResult]:
    for folder in {shard.target.rpartition("/")[0] for shard in job.shards}:
        writing.make_folder(folder)
    writing.make_folder(job.temp_dir)
    if not job.part.LEARNS_CLASSES:
        results = _transform(job, None, kept, engine)
    else:
        found = _labels(job, kept, engine)
        job.part.check_vocabulary(found, job)
        labels = vocabulary.content(found, job.class_names)
        results = _transform(job, labels, kept, engine)
        met = {number for result in _train(results) for number in result.targets}
        if (remaining := vocabulary.only(labels, met)) != labels:
            # All images of a class were corrupt, which is known only now.
            results = _transform(job, remaining, kept, engine)
    check_training_split(results, job)
    job.part.write_assets(train_targets(results), _vocabulary_file(job), job)
    sums = sum(result.pixels for result in _train(results))
    images = sum(result.written for result in _train(results))
    content = pixel_statistics.as_json(sums, images, job.options.shape)
    writing.write(f"{job.graph_uri}/{pixel_statistics.FILE}", content)
    return results


def _labels(job: Job, kept: KeptShards, engine: Engine | None) -> vocabulary.Labels:
    """The labels of the training split."""
    found, depends = set(), ["labels", job.features.label_feature, _type_names(job)]
    work, reports = vocabulary.LabelsOfShard(job), f"{job.temp_dir}/reports/labels"
    threads = min(usable_cores(), _FILES_AT_ONCE)
    results = kept.results(work, job.train_shards, depends, reports, engine, threads)
    for shard, labels, is_new in results:
        found |= labels
        if is_new:
            kept.keep(shard, depends, labels)
    return found


def _type_names(job: Job) -> dict[str, str]:
    return {name: dtype.name for name, dtype in job.types.items()}


def _transform(
    job: Job, labels: bytes | None, kept: KeptShards, engine: Engine | None
) -> list[ShardResult]:
    """Writes the graph with this vocabulary, and every transformed file."""
    vocabulary_file = None
    if labels is not None:
        job = replace(job, classes=labels.count(b"\n"))
        vocabulary_file = f"{job.temp_dir}/{vocabulary.NAME}"
        writing.write(vocabulary_file, labels)
    for part in ("transform_fn", "transformed_metadata"):  # of a vocabulary that was too long
        writing.remove(f"{job.graph_uri}/{part}")
    transform_graph.write(job, vocabulary_file)
    results, corrupt, depends = [], [], _depends(job, labels)
    work, reports = TransformShard(job, transform_graph.load), f"{job.temp_dir}/reports/shards"
    earlier, depends_of = {}, functools.partial(_depends, job)
    renumbers = job.part.IS_CLASS_ID
    if renumbers:
        earlier = kept.earlier(job.shards, depends_of)
        work = RelabelShard(work, earlier, labels, job.forms)
    made = kept.results(work, job.shards, depends, reports, engine, processes=_processes)
    with contextlib.closing(made):  # What else works on shards ends with a failure here.
        for shard, result, is_new in made:
            results.append(result)
            corrupt += [replace(image, file=shard.file) for image in result.corrupt]
            enforce_policy("Transform", corrupt, job.options)
            if is_new:
                if shard.source not in earlier:
                    kept.new.add(shard)
                if renumbers and not result.targets[OUT_OF_VOCABULARY]:
                    kept.keep_classes(shard, depends_of, labels)
                kept.keep(shard, depends, result)  # Last: with it, the shard counts as done.
            kept.publish(shard, depends)
    return results


def _processes(files: Sequence[str]) -> int:
    return processes_for(files, _MUCH, _CORES_EACH)


def _depends(job: Job, labels: bytes | None) -> dict:
    """All that a transformed shard depends on, besides the raw one and the code."""
    return {
        "preprocessing": job.options.model_dump(mode="json"),
        "features": job.features.model_dump(mode="json"),
        "types": _type_names(job),
        "weight_type": job.weight_type and job.weight_type.name,
        "class_names": job.class_names,
        "labels": None if labels is None else hashlib.sha256(labels).hexdigest(),
    }


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
    job.part.check_train(train_targets(results), job)


def train_targets(results: Sequence[ShardResult]) -> Counter[int]:
    """Examples of the training split by class, or its masks' pixels, by class id."""
    return sum((result.targets for result in _train(results)), Counter())


def _read(results: Sequence[ShardResult]) -> Counter[str]:
    """Raw examples by split."""
    read = Counter()
    for result in results:
        read[result.split] += result.written + len(result.corrupt)
    return read


def _train(results: Sequence[ShardResult]) -> list[ShardResult]:
    return [result for result in results if result.split == TRAIN]


def _vocabulary_file(job: Job) -> str:
    return f"{job.graph_uri}/{_ASSETS}/{vocabulary.NAME}"


def _describe(
    examples,
    transformed,
    graph,
    results: Sequence[ShardResult],
    job: Job,
    remarks: Sequence[str],
) -> None:
    """Sets the artifacts' properties."""
    written, dropped, unknown = Counter(), Counter(), Counter()
    for result in results:
        written[result.split] += result.written
        dropped[result.split] += len(result.corrupt)
        if job.part.IS_CLASS_ID:
            unknown[result.split] += result.targets[OUT_OF_VOCABULARY]
    with tf.io.gfile.GFile(_vocabulary_file(job)) as file:
        classes = sum(1 for _ in file)
    size = "x".join(map(str, job.options.shape))
    summary = f"{sum(written.values()):,} {job.part.PICTURES} of {size}, {classes:,} classes"
    if any(dropped.values()):
        corrupt = [image for result in results for image in result.corrupt]
        summary += f"; {sum(dropped.values()):,} corrupt dropped ({reasons(corrupt)})"
    if any(unknown.values()):
        summary += f"; {sum(unknown.values()):,} with a label that train lacks"
    remark = job.part.remark(train_targets(results), job)
    summary = "; ".join([summary, *filter(None, [remark]), *remarks])
    transformed.split_names = examples.split_names
    transformed.span = examples.span
    pass_on(examples, transformed)
    # The names that tfx.components.util.examples_utils reads; importing it takes half a second.
    transformed.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    transformed.set_string_custom_property("file_format", "tfrecords")
    for name, counts in (("counts", written), ("dropped", dropped), ("out_of_vocabulary", unknown)):
        transformed.set_string_custom_property(name, text_of(counts, sort_keys=True))
    transformed.set_string_custom_property("summary", summary)
    graph.set_string_custom_property("summary", f"{classes:,} classes")
