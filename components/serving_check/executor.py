"""Checks how a model serves, and blesses it or not as TFX's InfraValidator would."""

import json
import os

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.model_store.copying import is_saved_model
from components.serving_check import faults, requests, served
from components.serving_check.reading import RESULT_FILE
from failures import Failure

BLESSED_FILE, NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"


class Executor(base_executor.BaseExecutor):
    """Executor of ServingCheck."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Fills `infra_blessing`.

        Args:
          input_dict: `examples` (raw), `model`, `champion`.
          output_dict: `infra_blessing`.
          exec_properties: `config`, JSON; see the component.

        Raises:
          Failure: the Examples lack the split, nothing tells what is right, or the
            server on PATH does not run.
        """
        config = json.loads(exec_properties["config"])
        blessing = artifact_utils.get_single_instance(output_dict["infra_blessing"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        path = path_utils.serving_model_path(model.uri)
        expected = _expected(model.uri)
        asked = requests.from_examples(
            _split(input_dict, config["split"]), config["image_feature"], len(expected["answers"])
        )
        places = {"challenger": path}
        champion = path_utils.serving_model_path(
            artifact_utils.get_single_uri(input_dict["champion"])
        )
        if config["max_slowdown"] is not None and is_saved_model(champion):
            places["champion"] = champion
        server, results = served.serve(places, asked, config["large_batch"])
        causes = faults.find(path, results["challenger"], expected)
        causes = causes or faults.over_limits(results, config)
        _write(blessing, causes, server, results)


def _expected(model_uri: str) -> dict:
    from components.trainer.expected_answers import FILE

    file = os.path.join(model_uri, FILE)
    if not fileio.exists(file):
        raise Failure(
            f"ServingCheck: {model_uri} has no {FILE}, so nothing tells what is right. "
            "Run the Trainer again."
        )
    with fileio.open(file, "r") as text:
        expected = json.loads(text.read())
    if not expected["answers"]:
        raise Failure(
            f"ServingCheck: the Trainer answered no image in {file}: the test split's first "
            "shard is empty. Give the split more examples, or switch serving.check off."
        )
    return expected


def _split(input_dict, split: str) -> str:
    try:
        return artifact_utils.get_split_uri(input_dict["examples"], split)
    except ValueError as error:
        raise Failure(
            f"ServingCheck: the examples have no split {split!r}. "
            "Name one in the configuration's splits."
        ) from error


def _write(blessing, causes: list[str], server: str, results: dict) -> None:
    figures = {name: served.figures(result) for name, result in results.items()}
    challenger = figures["challenger"]
    report = {"blessed": not causes, "causes": causes, "server": server} | figures
    with fileio.open(os.path.join(blessing.uri, RESULT_FILE), "w") as text:
        text.write(json.dumps(report, indent=2))
    verdict = NOT_BLESSED_FILE if causes else BLESSED_FILE
    with fileio.open(os.path.join(blessing.uri, verdict), "w") as text:
        text.write("")
    blessing.set_int_custom_property("blessed", int(not causes))
    if causes:
        summary = f"does not serve: {'; '.join(causes)}"
    else:
        summary = (
            f"serves: p50 {challenger['p50_ms']:.1f} ms, p99 {challenger['p99_ms']:.1f} ms, "
            f"{challenger['memory_mb']:.0f} MiB"
        )
    blessing.set_string_custom_property("summary", summary)
