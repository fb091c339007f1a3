"""Batch prediction against TFX's BulkInferrer: the same 60,000 images and model, one run.

    .venv/bin/python -m benchmarks.batch_predict --model FOLDER [--data-dir FOLDER] [--rounds 2]

FOLDER is a Model artifact that the Trainer made, as runs/digits/Trainer/model/7.
The seconds are those of the whole component, loading the model included; stock has
as many threads as there are cores, which is the fastest of Beam's running modes for
it. Then ours predicts 6,000 and 60,000 images in a fresh process each, and the peaks
of their memory are compared. The code is 1 when ours is not three times as fast, its
memory grows, or the two give other probabilities.
"""

import argparse
import glob
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

BAR = 3.0
MEMORY_BAR = 1.1  # peak at 60,000 images, as a part of that at 6,000
TOLERANCE = 1e-5  # of a probability
COMPARED = 2_000  # answers of stock that are looked up among ours


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data-dir", help="where mnist_sized is, or is prepared")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from benchmarks.against_stock import _quiet, prepare

    folder = Path(tempfile.mkdtemp(prefix="batch-predict-"))
    try:
        data_dir = arguments.data_dir or str(folder / "data")
        with _quiet():
            records = prepare(data_dir)
        stock_model = without_label(arguments.model, folder / "stock-model")
        ratios = []
        for number in range(arguments.rounds):
            stock_root, output = folder / f"stock-{number}", folder / f"ours-{number}"
            with _quiet():
                stock = run_stock(stock_root, records, stock_model)
                ours = run_ours(output, "train", data_dir, arguments.model)
            ratios.append(stock / ours)
            print(f"batch-predict {ours:.1f} s, BulkInferrer {stock:.1f} s")
        off = apart(stock_root, output, records)
        peaks = {
            count: peak(folder / f"peak-{count}", f"train[:{count}]", data_dir, arguments.model)
            for count in (6_000, 60_000)
        }
    finally:
        shutil.rmtree(folder)
    ratio, growth = statistics.median(ratios), peaks[60_000] / peaks[6_000]
    shown = ", ".join(f"{mib:.0f} MiB at {count:,}" for count, mib in peaks.items())
    print(f"60,000 images: {ratio:.1f} times as fast, probabilities apart by at most {off:.1g}")
    print(f"peak memory: {shown} images")
    return 0 if ratio >= BAR and growth <= MEMORY_BAR and off <= TOLERANCE else 1


def without_label(model, folder):
    """A copy of a Model artifact whose `serve_examples` does not give the label's text.

    tfx_bsl 1.21 asks every answer for its dtype, which the bytes of a string output of
    shape (batch,) do not have: "'bytes' object has no attribute 'dtype'". The graph is
    the same, and stock has the less to do.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    shutil.copytree(model, folder)
    file = folder / "Format-Serving" / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    del saved.meta_graphs[0].signature_def["serve_examples"].outputs["label"]
    file.write_bytes(saved.SerializeToString())
    return folder


def run_ours(output, split, data_dir, model):
    """Seconds of our own, loading the model included."""
    from components.batch_predictor.job import predict_runs
    from components.batch_predictor.pushed_model import PushedModel
    from components.batch_predictor.sources import runs_of_dataset

    began = time.monotonic()
    runs = runs_of_dataset("mnist_sized", split, data_dir)
    tally = predict_runs(PushedModel(f"{model}/Format-Serving"), runs, str(output), lambda _: None)
    assert (tally.records, tally.failed) == (sum(run.count for run in runs), 0), tally
    return time.monotonic() - began


def peak(output, split, data_dir, model):
    """MiB that a fresh process had at most while it predicted a split."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_of, (output, split, data_dir, model))


def _peak_of(output, split, data_dir, model):
    import benchmarks.mnist_sized  # noqa: F401  registers the builder

    run_ours(output, split, data_dir, model)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kib) / 1024


def run_stock(root, records, model):
    """Seconds of BulkInferrer."""
    from tfx.components import BulkInferrer, ImportExampleGen
    from tfx.dsl.components.common.importer import Importer
    from tfx.orchestration.pipeline import Pipeline
    from tfx.proto import bulk_inferrer_pb2, example_gen_pb2
    from tfx.types import standard_artifacts

    from benchmarks.against_stock import _metadata, _run

    split = example_gen_pb2.Input.Split(name="train", pattern="*-train.tfrecord*")
    examples = ImportExampleGen(records, input_config=example_gen_pb2.Input(splits=[split]))
    trained = Importer(str(model), standard_artifacts.Model).with_id("Model")
    inferrer = BulkInferrer(
        examples=examples.outputs["examples"],
        model=trained.outputs["result"],
        data_spec=bulk_inferrer_pb2.DataSpec(),
        model_spec=bulk_inferrer_pb2.ModelSpec(model_signature_name=["serve_examples"]),
    )
    pipeline = Pipeline(
        "stock",
        str(root),
        components=[examples, trained, inferrer],
        metadata_connection_config=_metadata(root),
        beam_pipeline_args=[
            "--direct_running_mode=multi_threading",
            f"--direct_num_workers={os.cpu_count()}",
        ],
    )
    return _run(pipeline)["BulkInferrer"]


def apart(stock_root, output, records):
    """By how much the probabilities of an image differ at most between stock and ours."""
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    # Stock keeps the Example beside its answer, serialized anew; ours the record's number.
    logs = glob.glob(f"{stock_root}/BulkInferrer/inference_result/*/prediction_logs*")
    stock = {}
    for text in tf.data.TFRecordDataset(logs, "GZIP").take(COMPARED).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(text).predict_log
        probabilities = tf.make_ndarray(log.response.outputs["probabilities"])[0]
        stock[_image(log.request.inputs["examples"].string_val[0])] = probabilities
    assert stock, f"no prediction log below {stock_root}"
    lines = (line for file in sorted(output.glob("*.jsonl")) for line in file.open())
    train = tf.data.TFRecordDataset(sorted(glob.glob(f"{records}/*-train.tfrecord*")))
    off = [
        np.abs(np.array(json.loads(line)["probabilities"]) - stock[image]).max()
        for image, line in zip(map(_image, train.as_numpy_iterator()), lines, strict=True)
        if image in stock
    ]
    assert len(off) >= len(stock), f"only {len(off)} of {len(stock)} images are among ours"
    return max(off)


def _image(record):
    import tensorflow as tf

    return tf.train.Example.FromString(record).features.feature["image"].bytes_list.value[0]


if __name__ == "__main__":
    sys.exit(main())
