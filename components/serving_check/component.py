"""ServingCheck: a model serves in a process of its own before it is pushed."""

import json
import os
from collections.abc import Mapping

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model
from tfx.utils import path_utils

from components.model_store.layout import is_saved_model
from components.model_store.model_files import model_fingerprint
from components.serving_check import faults, requests, served
from components.serving_check.driver import Driver
from components.serving_check.reading import RESULT_FILE, beside
from components.split_messages import split_folder
from components.typed_component import component
from failures import Failure
from files import writing
from files.strict_json import text_of
from settings.data import Features
from settings.preprocessing import Preprocessing
from settings.serving import Serving

BLESSED_FILE, NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"


@component(driver=Driver)
def ServingCheck(
    examples: InputArtifact[Examples],
    model: InputArtifact[Model],
    champion: InputArtifact[Model],
    infra_blessing: OutputArtifact[InfraBlessing],
    features: Features,
    preprocessing: Preprocessing,
    serving: Serving,
    transformed_examples: InputArtifact[Examples] = None,
    large_batch: Parameter[int] = 64,
):
    """Sends a model real requests and compares its answers with the Trainer's.

    TFX's InfraValidator needs Docker; this needs TensorFlow's C library, which loads a model
    as TensorFlow Serving does, in a fresh process without any Python but the standard
    library's. Where `tensorflow_model_server` is on PATH, that serves instead, over REST and
    gRPC. A model that does not serve is not pushed, and the run goes on; the next run checks it
    again.

    Args:
      examples: raw Examples with encoded images; requests are made of the split that the Trainer
        answered, the test split if there is one.
      model: the challenger.
      champion: what ChampionResolver found; its latency is measured beside.
      infra_blessing: INFRA_BLESSED or INFRA_NOT_BLESSED and property `blessed`, as in TFX;
        `fingerprint` is the model's; `summary` and serving.json give the causes, latency and
        memory. What the Pusher is to put beside the model is below beside/: with
        `serving.warm_up` requests, with `serving.export` files in other formats.
      preprocessing: which images Transform dropped as corrupt depends on it.
      transformed_examples: of Transform, by which tflite_int8 chooses its ranges.
      large_batch: requests in the large batch, > 1; fewer, but several, where images are large.

    Raises:
      Failure: the Examples lack the split, the Trainer left no answers to compare with, the
        server on PATH does not run, or what serves does not start or is killed.
    """
    path = path_utils.serving_model_path(model.uri)
    expected = _expected(model.uri)
    asked = requests.from_examples(
        split_folder(examples, expected.get("split", "test"), "ServingCheck"),
        features,
        preprocessing,
        len(expected["answers"]),
    )
    places = {served.CHALLENGER: path}
    of_champion = path_utils.serving_model_path(champion.uri)
    if serving.max_slowdown is not None and is_saved_model(of_champion):
        places["champion"] = of_champion
    server, results = served.serve(places, asked, large_batch, features.task)
    figures = {name: served.figures(result) for name, result in results.items()}
    causes = faults.find(path, results[served.CHALLENGER], expected)
    causes = causes or faults.over_limits(figures, serving)
    if serving.export and not causes:
        from components.serving_check import exports

        pixels = []
        if "tflite_int8" in serving.export:
            pixels = exports.training_pixels(transformed_examples, serving.export_images)
        protocols = results[served.CHALLENGER]["protocols"]
        made, causes = exports.export(path, serving, protocols, pixels)
        figures["exports"] = exports.figures(made, path)
        if not causes:
            exports.write(made, beside(infra_blessing.uri))
    if serving.warm_up and not causes:
        # Its messages come from a package that only this and a server over gRPC need.
        from components.serving_check import warm_up

        warm_up.write(beside(infra_blessing.uri), asked)
    infra_blessing.set_string_custom_property("fingerprint", model_fingerprint(path))
    _write(infra_blessing, causes, server, figures)


def _expected(model_uri: str) -> Mapping:
    from components.trainer.expected_answers import FILE

    file = os.path.join(model_uri, FILE)
    if not fileio.exists(file):
        raise Failure(
            f"ServingCheck: {model_uri} has no {FILE} to compare answers with. "
            "Run the Trainer again."
        )
    with fileio.open(file, "r") as text:
        expected = json.loads(text.read())
    if not expected["answers"]:
        raise Failure(
            f"ServingCheck: the Trainer answered no image in {file}: its split is empty. "
            "Give the split examples, or switch serving.check off."
        )
    return expected


def _write(blessing, causes: list[str], server: str, figures: Mapping[str, Mapping]) -> None:
    report = {"blessed": not causes, "causes": causes, "server": server, **figures}
    writing.write(os.path.join(blessing.uri, RESULT_FILE), text_of(report, indent=2))
    writing.write(os.path.join(blessing.uri, NOT_BLESSED_FILE if causes else BLESSED_FILE), "")
    blessing.set_int_custom_property("blessed", int(not causes))
    if causes:
        summary = f"does not serve: {'; '.join(causes)}"
    else:
        challenger = figures["challenger"]
        summary = (
            f"serves: p50 {challenger['p50_ms']:.1f} ms, p99 {challenger['p99_ms']:.1f} ms, "
            f"{challenger['memory_mb']:.0f} MiB"
        )
    for name, export in figures.get("exports", {}).items():
        size, whole = (export[key] / 1e6 for key in ("bytes", "saved_model_bytes"))
        difference = f"off by up to {export['difference']:.2g}"
        summary += f"; {name} {size:.2f} MB of {whole:.2f}, {difference}"
    blessing.set_string_custom_property("summary", summary)
