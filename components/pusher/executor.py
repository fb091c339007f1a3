"""Pushes a blessed model to the push destination."""

import json
import os
from datetime import UTC, datetime

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.model_store.fingerprint import model_fingerprint
from components.model_store.layout import RECORD
from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from files import writing

# Where no ML Metadata outlives the run, a runner keeps these on the Model itself.
_ORIGIN = ("git_commit", "git_state", "lock_sha256", "configuration")


class Executor(base_executor.BaseExecutor):
    """Executor of Pusher."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Pushes the model when it is blessed, and says why when it is not.

        Args:
          input_dict: `model`, `blessing` and, if the pipeline has one, `infra_blessing`.
          output_dict: `pushed_model`. Custom properties as TFX sets them: `pushed`
            (0 or 1) and, when pushed, `pushed_destination` (the version's folder),
            `pushed_version`; and `fingerprint` of the model.
          exec_properties: `push_destination`.

        Raises:
          Failure: the destination cannot be written.
        """
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(input_dict["blessing"])
        output = artifact_utils.get_single_instance(output_dict["pushed_model"])
        verdict = _read_verdict(blessing.uri)
        if not fileio.exists(os.path.join(blessing.uri, "BLESSED")):
            reasons = "; ".join(verdict.get("reasons", [])) or "the model is not blessed"
            _describe_not_pushed(output, reasons)
            return
        infra = input_dict.get("infra_blessing")
        if infra and not fileio.exists(os.path.join(infra[0].uri, "INFRA_BLESSED")):
            told = infra[0].get_string_custom_property("summary")
            _describe_not_pushed(output, told or "the model does not serve")
            return

        folder = path_utils.serving_model_path(model.uri)
        record = PushRecord(
            fingerprint=model_fingerprint(folder),
            model_uri=model.uri,
            pushed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            metrics=verdict.get("metrics", {}),
            run=self._context.pipeline_run_id or "" if self._context else "",
            origin={
                name: text for name in _ORIGIN if (text := model.get_string_custom_property(name))
            },
        )
        version = publish(folder, exec_properties["push_destination"], record)
        output.set_int_custom_property("pushed", 1)
        output.set_string_custom_property("pushed_destination", version.path)
        output.set_string_custom_property("pushed_version", str(version.number))
        output.set_string_custom_property("fingerprint", record.fingerprint)
        output.set_string_custom_property("summary", f"version {version.number} → {version.path}")
        _write_note(output.uri, version.record.to_json())


def _describe_not_pushed(output, reasons: str) -> None:
    output.set_int_custom_property("pushed", 0)
    output.set_string_custom_property("summary", f"not pushed: {reasons}")
    _write_note(output.uri, "not pushed\n")


def _read_verdict(blessing_uri: str) -> dict:
    """The Evaluator's reasons and metrics; another component's blessing has none."""
    file = os.path.join(blessing_uri, "blessing.json")
    if not fileio.exists(file):
        return {}
    with fileio.open(file, "r") as text:
        return json.loads(text.read())


def _write_note(uri: str, text: str) -> None:
    """The record and not the model: a third copy of it would serve nobody."""
    writing.write(os.path.join(uri, RECORD), text)
