"""The toy pipeline, and its package."""

import json

from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from toy_components import Add, Count, Judge, Push, Serve

from kfp.compile_package import compile_pipeline, write_package
from kfp.run_parameters import RunParameter
from settings.kubeflow import Kubeflow

FACTOR = RunParameter("factor", 1, "settings", "factor")


def toy_pipeline(destination, least=10):
    count = Count(
        count=RuntimeParameter(name="count", ptype=int, default=4),
        scale=1.5,
        settings=json.dumps({"factor": 1}),
    )
    add = Add(examples=count.outputs["examples"]).with_beam_pipeline_args(
        ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]
    )
    judge = Judge(model=add.outputs["model"], least=least)
    push = Push(
        model=add.outputs["model"],
        blessing=judge.outputs["blessing"],
        destination=str(destination),
    )
    serve = Serve(pushed=push.outputs["pushed"])
    return Pipeline(
        pipeline_name="toy",
        pipeline_root="unused",
        components=[count, add, judge, push, serve],
        enable_cache=True,
    )


def write_toy_package(path, destination, kubeflow=None, least=10):
    kubeflow = kubeflow or Kubeflow(image="toy:1")
    documents = compile_pipeline(toy_pipeline(destination, least), kubeflow, [FACTOR])
    return write_package(documents, path)
