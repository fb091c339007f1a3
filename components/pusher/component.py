"""Pusher: a blessed model becomes the next version of the push destination."""

import os
from datetime import UTC, datetime

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import InfraBlessing, Model, ModelBlessing, PushedModel
from tfx.utils import path_utils

from components.evaluator.reading import Verdict, read_verdict
from components.examples.made_of import DATA, SPANS
from components.model_store.layout import RECORD, exports
from components.model_store.model_files import model_fingerprint
from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from components.pusher.driver import Driver
from components.serving_check.reading import beside
from components.typed_component import component
from files import places, writing

# Where no ML Metadata outlives the run, a runner keeps these on the Model itself; the data that
# it is made of stands there in any case.
_ORIGIN = (
    "git_commit",
    "git_state",
    "lock_sha256",
    "own_code",
    "configuration",
    "trigger",
    "scheduled_time",
    "first_weights",
    "first_weights_sha256",
    DATA,
    SPANS,
)
_STORE_URI = "store_uri"  # where the Model is, when its own uri is a step's copy of it


@component(driver=Driver)
def Pusher(
    model: InputArtifact[Model],
    blessing: InputArtifact[ModelBlessing],
    pushed_model: OutputArtifact[PushedModel],
    push_destination: Parameter[str],
    infra_blessing: InputArtifact[InfraBlessing] = None,
    run_id: str = "",
):
    """Pushes a blessed model to `<push_destination>/<version>/`.

    Versions count up from 1, one higher than the highest that is there. A version appears in
    one step, so a server that reads the folder never sees half a model. A model that is there
    already, because a run was killed after its push, is found by its content and not pushed
    twice. Beside the model is steadyfeed.json, which records what made it; TensorFlow Serving
    ignores it. What ServingCheck left for it is in the same version: requests for warming up, where
    TensorFlow Serving looks for them, and files in other formats.

    Args:
      pushed_model: custom properties as TFX sets them: `pushed` (0 or 1) and, when pushed,
        `pushed_destination` (the version's folder) and `pushed_version`; `fingerprint` of the
        model; and `lacks_exports` 1 where that version has not all of the files in other formats,
        since it was pushed before them and is not in service. `summary` says why a model, or a
        file, was not pushed.
      infra_blessing: ServingCheck's, or an InfraValidator's; None requires none.
      run_id: of the pipeline's run, for the record.
    """
    verdict = read_verdict(blessing.uri)  # Another component's blessing has none.
    refusal = _refusal(verdict, blessing, infra_blessing)
    # The record without the model, of which a third copy would be useless.
    note = os.path.join(pushed_model.uri, RECORD)
    if refusal:
        pushed_model.set_int_custom_property("pushed", 0)
        pushed_model.set_string_custom_property("summary", f"not pushed: {refusal}")
        writing.write(note, "not pushed\n")
        return
    folder = path_utils.serving_model_path(model.uri)
    further = beside(infra_blessing.uri) if infra_blessing else None
    record = PushRecord(
        fingerprint=model_fingerprint(folder),
        model_uri=model.get_string_custom_property(_STORE_URI) or model.uri,
        pushed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        metrics=verdict.metrics if verdict else {},
        run=run_id,
        exports=exports(places.files_below(further)) if further else (),
        origin={name: text for name in _ORIGIN if (text := model.get_string_custom_property(name))},
    )
    version = publish(folder, push_destination, record, further)
    pushed_model.set_int_custom_property("pushed", 1)
    pushed_model.set_string_custom_property("pushed_destination", version.path)
    pushed_model.set_string_custom_property("pushed_version", str(version.number))
    pushed_model.set_string_custom_property("fingerprint", record.fingerprint)
    summary = f"version {version.number} → {version.path}"
    if not version.has(record.exports):
        pushed_model.set_int_custom_property("lacks_exports", 1)
        summary += " without all files of serving.export, as another version is in service"
    pushed_model.set_string_custom_property("summary", summary)
    writing.write(note, version.record.to_json())


def _refusal(verdict: Verdict | None, blessing, infra_blessing) -> str | None:
    """Why the model is not pushed; None when it is."""
    if not fileio.exists(os.path.join(blessing.uri, "BLESSED")):
        return "; ".join(verdict.reasons if verdict else ()) or "the model is not blessed"
    if infra_blessing and not fileio.exists(os.path.join(infra_blessing.uri, "INFRA_BLESSED")):
        return infra_blessing.get_string_custom_property("summary") or "the model does not serve"
    return None
