"""Batch prediction against TFX's BulkInferrer: the same 60,000 images and model, one run.

    .venv/bin/python -m benchmarks.batch_predict --model FOLDER [--data-dir FOLDER] [--rounds 2]

FOLDER is a Model artifact that the Trainer made, as runs/digits/Trainer/model/7.
The seconds are those of the whole component, loading the model included. The
code is 1 when ours is not three times as fast, or its memory grows.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

BAR = 3.0
MEMORY_BAR = 100  # MiB between the first sixth of the records and the last


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
        rounds = []
        for number in range(arguments.rounds):
            with _quiet():
                stock = run_stock(folder / f"stock-{number}", records, arguments.model)
                ours, grown = run_ours(folder / f"ours-{number}", data_dir, arguments.model)
            rounds.append((ours, stock, grown))
            print(f"batch-predict {ours:.1f} s, BulkInferrer {stock:.1f} s, grew {grown:.0f} MiB")
    finally:
        shutil.rmtree(folder)
    ratio = statistics.median(stock / ours for ours, stock, _ in rounds)
    grown = max(growth for *_, growth in rounds)
    print(f"60,000 images: {ratio:.1f} times as fast; at most {grown:.0f} MiB more at the end")
    return 0 if ratio >= BAR and grown <= MEMORY_BAR else 1


def run_ours(output, data_dir, model):
    """(seconds, MiB by which this process grew after the first part) of our own."""
    from components.batch_predictor.job import predict_runs
    from components.batch_predictor.pushed_model import PushedModel
    from components.batch_predictor.sources import PART, runs_of_dataset

    began, done, sizes = time.monotonic(), 0, []

    def progress(count):
        nonlocal done
        done += count
        if done >= PART:
            sizes.append(_resident())

    runs = runs_of_dataset("mnist_sized", "train", data_dir)
    tally = predict_runs(PushedModel(f"{model}/Format-Serving"), runs, str(output), progress)
    assert tally.records == 60_000, tally
    return time.monotonic() - began, sizes[-1] - sizes[0]


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
        beam_pipeline_args=["--direct_running_mode=in_memory", "--direct_num_workers=1"],
    )
    return _run(pipeline)["BulkInferrer"]


def _resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
