"""The Evaluator with a champion on as many classes as ImageNet-21k has: its memory and its time.

    .venv/bin/python -m benchmarks.many_classes

The models are synthetic: each Example carries the class that the one and the other answer, so
that what is measured is the counting, the metrics, the files, and then the report's reading of
them. The peak is that of a fresh process, its imports included. The code is 1 when it is
2 GiB or more, or the evaluation takes 60 s or longer.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peak_memory import with_peak

CLASSES, IMAGES = 21_841, 100_000
PEAK_BAR, TIME_BAR = 2048, 60  # MiB, seconds
_RIGHT = {"challenger": 0.6, "champion": 0.5}  # share of the answers; the others are random
_SHARDS = 4


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory(prefix="many-classes-") as folder:
        with_peak(make, Path(folder))
        (seconds, reading), peak = with_peak(evaluate, Path(folder))
    print(f"{IMAGES:,} images of {CLASSES:,} classes, with a champion")
    print(f"evaluated in {seconds:.1f} s, read in {reading:.1f} s, peak {peak:,.0f} MiB")
    return 0 if peak < PEAK_BAR and seconds < TIME_BAR else 1


def make(folder):
    """Writes both models, and the shards of a split."""
    import numpy as np
    import tensorflow as tf

    names = folder / "labels"
    names.write_text("\n".join(f"class {number}" for number in range(CLASSES)) + "\n")
    for model in _RIGHT:
        save_model(folder / model, str(names), model)
    chance = np.random.default_rng(0)
    labels = chance.integers(0, CLASSES, IMAGES)
    columns = {"label": labels}
    for model, share in _RIGHT.items():
        wrong = chance.integers(0, CLASSES, IMAGES)
        columns[model] = np.where(chance.random(IMAGES) < share, labels, wrong)
    image = tf.io.encode_png(np.zeros((1, 1, 1), np.uint8)).numpy()
    (folder / "split").mkdir()
    for shard in range(_SHARDS):
        with tf.io.TFRecordWriter(str(folder / "split" / f"data-{shard}")) as writer:
            for row in range(shard, IMAGES, _SHARDS):
                example = tf.train.Example()
                example.features.feature["image"].bytes_list.value.append(image)
                for name, column in columns.items():
                    example.features.feature[name].int64_list.value.append(int(column[row]))
                writer.write(example.SerializeToString())


def save_model(folder, names, answer):
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
        probabilities = tf.one_hot(chosen, CLASSES, 0.6, 0.4 / (CLASSES - 1))
        return {"class": chosen, "probabilities": probabilities}

    @tf.function(input_signature=[text])
    def transform_features(examples):
        return {"label": feature(examples, "label")}

    signatures = {"serve_examples": serve_examples, "transform_features": transform_features}
    tf.saved_model.save(module, str(folder), signatures)


def evaluate(folder):
    """Seconds of the evaluation, and of reading it for the report."""
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
    assert len(confusion.classes) == CLASSES
    assert confusion.mistakes()
    return evaluated - began, time.monotonic() - evaluated


if __name__ == "__main__":
    sys.exit(main())
