"""The Evaluator with a champion on as many classes as ImageNet-21k has: its memory and its time.

    .venv/bin/python -m benchmarks.many_classes [--classes 21841] [--images 100000]

The models are synthetic: each Example carries the class that the one and the other answer, so
that what is measured is the counting, the metrics, the files, and then the report's reading of
them. The peak is that of a fresh process, its imports included. The code is 1 when it is
2 GiB or more, or the evaluation takes 60 s or longer.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

PEAK_BAR, TIME_BAR = 2048, 60  # MiB, seconds
_RIGHT = {"challenger": 0.6, "champion": 0.5}  # share of the answers; the others are random
_SHARDS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, default=21_841)
    parser.add_argument("--images", type=int, default=100_000)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sizes = arguments.classes, arguments.images
    with tempfile.TemporaryDirectory(prefix="many-classes-") as folder:
        in_fresh_process(make, Path(folder), *sizes)
        seconds, reading, peak = in_fresh_process(evaluate, Path(folder), arguments.classes)
    print(f"{sizes[1]:,} images of {sizes[0]:,} classes, with a champion")
    print(f"evaluated in {seconds:.1f} s, read in {reading:.1f} s, peak {peak:,.0f} MiB")
    return 0 if peak < PEAK_BAR and seconds < TIME_BAR else 1


def in_fresh_process(work, *arguments):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def make(folder, classes, images):
    """Writes both models, and the shards of a split."""
    import numpy as np
    import tensorflow as tf

    names = folder / "labels"
    names.write_text("\n".join(f"class {number}" for number in range(classes)) + "\n")
    for model in _RIGHT:
        save_model(folder / model, str(names), model, classes)
    chance = np.random.default_rng(0)
    labels = chance.integers(0, classes, images)
    columns = {"label": labels}
    for model, share in _RIGHT.items():
        wrong = chance.integers(0, classes, images)
        columns[model] = np.where(chance.random(images) < share, labels, wrong)
    image = tf.io.encode_png(np.zeros((1, 1, 1), np.uint8)).numpy()
    (folder / "split").mkdir()
    for shard in range(_SHARDS):
        with tf.io.TFRecordWriter(str(folder / "split" / f"data-{shard}")) as writer:
            for row in range(shard, images, _SHARDS):
                example = tf.train.Example()
                example.features.feature["image"].bytes_list.value.append(image)
                for name, column in columns.items():
                    example.features.feature[name].int64_list.value.append(int(column[row]))
                writer.write(example.SerializeToString())


def save_model(folder, names, answer, classes):
    """A SavedModel that is 60% sure of the class in the feature `answer`."""
    import tensorflow as tf

    text = tf.TensorSpec([None], tf.string, name="examples")
    module = tf.Module()
    module.names = tf.saved_model.Asset(names)

    def feature(examples, name):
        return tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.int64)})[name]

    @tf.function(input_signature=[text])
    def serve_examples(examples):
        chosen = feature(examples, answer)
        probabilities = tf.one_hot(chosen, classes, 0.6, 0.4 / (classes - 1))
        return {"class": chosen, "probabilities": probabilities}

    @tf.function(input_signature=[text])
    def transform_features(examples):
        return {"label": feature(examples, "label")}

    signatures = {"serve_examples": serve_examples, "transform_features": transform_features}
    tf.saved_model.save(module, str(folder), signatures)


def evaluate(folder, classes):
    """Seconds of the evaluation, seconds of reading it for the report, and the peak in MiB."""
    from components.evaluator import evaluation
    from components.evaluator.plan import ModelPlace, Plan
    from components.evaluator.reading import read_confusion
    from settings.data import Features
    from settings.evaluation import Evaluation
    from settings.preprocessing import Preprocessing

    models = tuple(ModelPlace(model, str(folder / model), "") for model in _RIGHT)
    names = tuple(models[0].class_names())
    plan = Plan(models, names, "test", Features(), label_is_bytes=False, batch_size=128)
    preprocessing = Preprocessing(height=8, width=8)
    began = time.monotonic()
    evaluation.evaluate(
        plan, str(folder / "split"), Evaluation(), preprocessing, str(folder / "evaluation")
    )
    evaluated = time.monotonic()
    confusion = read_confusion(folder / "evaluation")
    assert len(confusion.classes) == classes
    assert confusion.mistakes()
    read = time.monotonic()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return evaluated - began, read - evaluated, int(kib) / 1024


if __name__ == "__main__":
    sys.exit(main())
