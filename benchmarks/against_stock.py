"""Our components against TFX's own, on the same data in the same run.

    .venv/bin/python -m benchmarks.against_stock [--rounds 3]

The data are 60,000 + 10,000 images of 28x28 (benchmarks/mnist_sized.py). Each
round runs our pipeline, then the stock components on the same TFRecords and the
model that ours trained; medians of the seconds in each component are printed.
The exit code is 1 if the sum of ours is above 0.12 of stock's.
"""

import argparse
import datetime
import importlib
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from pipeline.program import uncollected
from pipeline.quiet import chatter_to

BAR = 0.12
# Stock TFX has no TFDS source: ImportExampleGen on TFDS's own TFRecords is the nearest.
PAIRS = {
    "ingest": ("TfdsExampleGen", "ImportExampleGen"),
    "statistics": ("StatisticsGen", "StatisticsGen"),
    "transform": ("Transform", "Transform"),
    "evaluation": ("Evaluator", "Evaluator"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with uncollected():  # As a run does; TFX's own components gain by it as well.
        for name in ("tfx.components", "pipeline.create_pipeline", "pipeline.local_runner"):
            importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="against-stock-") as folder:
        data_dir = f"{folder}/data"
        records = prepare(data_dir)
        rounds = []
        for _ in range(arguments.rounds):
            root = Path(folder) / "round"
            with chatter_to(os.devnull):
                ours = run_ours(root / "ours", data_dir)
                [model] = (root / "ours/Trainer/model").iterdir()
                stock = run_stock(root / "stock", records, model)
            rounds.append((ours, stock))
            shutil.rmtree(root)
    return report(rounds)


def prepare(data_dir):
    """The folder of mnist_sized's TFRecords, made if missing."""
    import tensorflow_datasets as tfds

    import benchmarks.mnist_sized  # noqa: F401  registers the builder

    builder = tfds.builder("mnist_sized", data_dir=data_dir)
    builder.download_and_prepare()
    return str(builder.data_path)


def run_ours(root, data_dir):
    """Seconds by component of our pipeline; the training is one short epoch."""
    from pipeline.create_pipeline import create_pipeline
    from settings.reading import load

    configuration = load(
        "configs/mnist.yaml",
        [
            "data.dataset=mnist_sized",
            f"data.data_dir={data_dir}",
            f"root={root}",
            f"push.destination={root / 'pushed'}",
            "training.epochs=1",
            "evaluation.thresholds={accuracy: {min: 0.1}}",
        ],
    )
    return seconds_by_component(create_pipeline(configuration, metadata_in(root)))


def run_stock(root, records, model):
    """Seconds by component of TFX's own on the TFRecords of TFDS."""
    import tensorflow_model_analysis as tfma
    from tfx.components import Evaluator, SchemaGen, StatisticsGen, Transform

    examples, trained = stock_inputs(records, model, "train", "test")
    numbers = StatisticsGen(examples.outputs["examples"])
    schema = SchemaGen(numbers.outputs["statistics"])
    transform = Transform(
        examples.outputs["examples"],
        schema.outputs["schema"],
        preprocessing_fn="benchmarks.against_stock.preprocessing_fn",
    )
    metrics = ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "ExampleCount"]
    evaluation = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serve_examples", prediction_key="probabilities", label_key="label"
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["label"])],
        metrics_specs=[
            tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name=name) for name in metrics])
        ],
    )
    evaluator = Evaluator(
        examples.outputs["examples"],
        model=trained.outputs["result"],
        example_splits=["test"],
        eval_config=evaluation,
    )
    components = [examples, numbers, schema, transform, trained, evaluator]
    return seconds_of_stock(root, components, "in_memory", 1)


def stock_inputs(records, model, *splits):
    """The components that bring TFDS's TFRecords and a Model artifact into a stock pipeline."""
    from tfx.components import ImportExampleGen
    from tfx.dsl.components.common.importer import Importer
    from tfx.proto import example_gen_pb2
    from tfx.types import standard_artifacts

    given = example_gen_pb2.Input(
        splits=[{"name": name, "pattern": f"*-{name}.tfrecord*"} for name in splits]
    )
    model = Importer(str(model), standard_artifacts.Model).with_id("Model")
    return ImportExampleGen(records, input_config=given), model


def seconds_of_stock(root, components, mode, workers):
    """Seconds by component of a stock pipeline in one of Beam's direct running modes."""
    from tfx.orchestration.pipeline import Pipeline

    flags = [f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"]
    return seconds_by_component(
        Pipeline(
            "stock",
            str(root),
            components=components,
            metadata_connection_config=metadata_in(root),
            beam_pipeline_args=flags,
        )
    )


def preprocessing_fn(inputs):
    """What a user of TFX's own Transform would write: floats in 0..1, labels as ids."""
    import tensorflow as tf
    import tensorflow_transform as tft

    def decode(encoded):
        image = tf.io.decode_png(encoded, channels=1)
        return tf.reshape(tf.cast(image, tf.float32) / 255, [28, 28, 1])

    encoded, label = (tf.reshape(inputs[name], [-1]) for name in ("image", "label"))
    return {
        "image": tf.map_fn(decode, encoded, fn_output_signature=tf.float32),
        "label": tft.compute_and_apply_vocabulary(tf.strings.as_string(label), num_oov_buckets=1),
    }


def metadata_in(root):
    from tfx.orchestration.metadata import sqlite_metadata_connection_config

    return sqlite_metadata_connection_config(str(root / "metadata.sqlite"))


def seconds_by_component(pipeline):
    from pipeline.local_runner import LocalRunner

    seconds = {}
    watch = SimpleNamespace(
        started=lambda component: None,
        finished=lambda outcome: seconds.update({outcome.component: outcome.seconds}),
    )
    LocalRunner(watch, datetime.datetime.now().isoformat()).run(pipeline)
    return seconds


def report(rounds):
    print(f"{'':12}{'ours':>8}{'stock':>8}{'ratio':>8}")
    rows = {name: [pair] for name, pair in PAIRS.items()} | {"together": list(PAIRS.values())}
    for name, pairs in rows.items():
        sums = [(sum(o[a] for a, _ in pairs), sum(s[b] for _, b in pairs)) for o, s in rounds]
        ours, stock = (statistics.median(column) for column in zip(*sums, strict=True))
        ratio = statistics.median(ours / stock for ours, stock in sums)
        print(f"{name:12}{ours:8.1f}{stock:8.1f}{ratio:8.2f}")
    print(f"at most {BAR}: {'missed' if ratio > BAR else 'met'}")
    return int(ratio > BAR)


if __name__ == "__main__":
    sys.exit(main())
