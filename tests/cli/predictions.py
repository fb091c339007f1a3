"""What the pushed classifier of these tests answers, and what is written of it."""

import json
from pathlib import Path

import tensorflow as tf

CLASSES = ["ant", "bee", "cat", "dog", "eel", "fox\u2028"]  # The last is a line break of Unicode.


def served(destination, images):
    model = tf.saved_model.load(f"{destination}/1")
    return model.signatures["serving_default"](image=tf.constant(images))["probabilities"].numpy()


def lines_of(output):
    files = sorted(Path(output).glob("predictions-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def records_of(tmp_path, images, name="data.tfrecord"):
    path = tmp_path / name
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image in images:
            writer.write(example_of(image))
    return str(path)


def example_of(image):
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    features = tf.train.Features(feature={"image": feature})
    return tf.train.Example(features=features).SerializeToString()
