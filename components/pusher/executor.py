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
    """Pushes the model when it is blessed, and reports why when it is not; see `Pusher`."""

    def Do(self, input_dict, output_dict, exec_properties):
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(input_dict["blessing"])
        output = artifact_utils.get_single_instance(output_dict["pushed_model"])
        verdict = _read_verdict(blessing.uri)
        refusal = _refusal(verdict, blessing, input_dict.get("infra_blessing"))
        if refusal:
            output.set_int_custom_property("pushed", 0)
            output.set_string_custom_property("summary", f"not pushed: {refusal}")
            _write_note(output.uri, "not pushed\n")
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


def _refusal(verdict: dict, blessing, infra_blessing) -> str | None:
    """Why the model is not pushed; None when it is."""
    if not fileio.exists(os.path.join(blessing.uri, "BLESSED")):
        return "; ".join(verdict.get("reasons", [])) or "the model is not blessed"
    for infra in infra_blessing or ():
        if not fileio.exists(os.path.join(infra.uri, "INFRA_BLESSED")):
            return infra.get_string_custom_property("summary") or "the model does not serve"
    return None


def _read_verdict(blessing_uri: str) -> dict:
    """The Evaluator's reasons and metrics; another component's blessing has none."""
    file = os.path.join(blessing_uri, "blessing.json")
    if not fileio.exists(file):
        return {}
    with fileio.open(file, "r") as text:
        return json.loads(text.read())


def _write_note(uri: str, text: str) -> None:
    """The record without the model, of which a third copy would help nobody."""
    writing.write(os.path.join(uri, RECORD), text)
