"""The one pipeline definition, for every runner."""

import importlib
from pathlib import PurePosixPath

from tfx.orchestration.pipeline import Pipeline

from components.champion_resolver.component import ChampionResolver
from components.evaluator.component import Evaluator
from components.example_validator.component import ExampleValidator
from components.own_code_flag import own_code_flags
from components.pusher.component import Pusher
from components.schema_gen.component import ImportSchemaGen, SchemaGen
from components.schema_gen.schema_files import curated_text
from components.serving_check.component import ServingCheck
from components.spans.store import SPANS, SpanStore
from components.statistics_gen.component import StatisticsGen
from components.trainer.component import Trainer
from components.transform.component import Transform
from components.tuner.component import Tuner
from components.validation_gate.component import ValidationGate
from pipeline.code_fingerprint import CODE, code_fingerprint
from settings.training import Training
from settings.training_input import InputReport


def create_pipeline(configuration, metadata_connection_config=None):
    """The DAG of a configuration.

    Args:
      configuration: a checked settings.configuration.Configuration.
      metadata_connection_config: where the local runner keeps ML Metadata; on
        Kubeflow the platform keeps its own, and this is None.

    Returns:
      A tfx Pipeline. Building it touches no data, and the network only to ask a bucket which
      version of `model.weights` it holds. The section `beam` is no part of
      it: Beam's arguments would count in the cache key, so each runner adds them by itself.
    """
    checked = _checked_data(configuration)
    examples, _, schema, _, gate = checked
    # Decoded once, to uint8.
    max_overlap = configuration.validation.max_overlap
    transform = Transform(
        examples.outputs["examples"],
        schema.outputs["schema"],
        preprocessing=configuration.preprocessing,
        features=configuration.data.features,
        max_overlap=1.0 if max_overlap is None else max_overlap,
        **_span_store(configuration, Transform),
    )
    # Not by an artifact of the gate: other limits on the same data would decode and train anew.
    transform.add_upstream_node(gate)
    trained = _trained(configuration, transform, schema)
    judged = _judged(configuration, examples, schema, transform, trained[-1])
    components = [*checked, transform, *trained, *judged]
    for component in components:
        # For the cache key; no executor reads it.
        code = code_fingerprint(type(component).__module__)
        component.executor_spec.add_extra_flags([f"{CODE}{code}"])
    return Pipeline(
        pipeline_name=configuration.name,
        pipeline_root=configuration.root,
        components=components,
        enable_cache=True,
        metadata_connection_config=metadata_connection_config,
    )


def _checked_data(configuration):
    """ExampleGen, StatisticsGen, SchemaGen, ExampleValidator, ValidationGate."""
    data = configuration.data
    # Encoded images, byte for byte as the source holds them.
    examples = _example_gen(configuration)
    statistics = StatisticsGen(
        examples.outputs["examples"], data.features, **_span_store(configuration, StatisticsGen)
    )
    # Inferred at first; a curated file afterwards, which knows what is normal.
    if data.schema_file is None:
        schema = SchemaGen(statistics=statistics.outputs["statistics"], features=data.features)
    else:
        schema = ImportSchemaGen(schema_text=curated_text(data.schema_file, data.features))
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    gate = ValidationGate(
        anomalies=validator.outputs["anomalies"],
        statistics=statistics.outputs["statistics"],
        features=data.features,
        validation=configuration.validation,
    )
    return examples, statistics, schema, validator, gate


def _trained(configuration, transform, schema):
    """Tuner, if there is a search, and Trainer, which trains with the same recipe."""
    training = configuration.training.part(Training)
    recipe = {
        "transformed_examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema.outputs["schema"],
        "features": configuration.data.features,
        "preprocessing": configuration.preprocessing,
        "network": configuration.model,
        "augmentation": configuration.augmentation,
        "training": training,
        "seed": configuration.seed,
        "checkpoint_dir": str(PurePosixPath(configuration.root) / "checkpoints"),
    }
    if configuration.tuner is None:
        return [Trainer(**recipe)]
    # Trials make no input report: its limits must not run a whole search again.
    unreported = training.model_copy(update={"input_report": InputReport()})
    tuner = Tuner(tuner=configuration.tuner, **recipe | {"training": unreported})
    trainer = Trainer(**recipe, hyperparameters=tuner.outputs["best_hyperparameters"])
    # It may run what the best trial ran; a step checks that its image holds that.
    trainer.executor_spec.add_extra_flags(own_code_flags(configuration.tuner.own_modules))
    return [tuner, trainer]


def _judged(configuration, examples, schema, transform, trainer):
    """ChampionResolver, Evaluator, ServingCheck, if it is asked for, and Pusher."""
    raw, model = examples.outputs["examples"], trainer.outputs["model"]
    features, destination = configuration.data.features, configuration.push.destination
    # A TFX Resolver does not run on open-source Kubeflow; this component runs on both.
    champion = ChampionResolver(model=model, push_destination=destination)
    evaluator = Evaluator(
        raw,
        model,
        champion.outputs["champion"],
        schema.outputs["schema"],
        criteria=configuration.evaluation,
        features=features,
        preprocessing=configuration.preprocessing,
    )
    checks, served = [], {}
    if configuration.serving.check:
        given = {}
        if "tflite_int8" in configuration.serving.export:
            given["transformed_examples"] = transform.outputs["transformed_examples"]
        check = ServingCheck(
            examples=raw,
            model=model,
            champion=champion.outputs["champion"],
            features=features,
            preprocessing=configuration.preprocessing,
            serving=configuration.serving,
            **given,
        )
        checks, served = [check], {"infra_blessing": check.outputs["infra_blessing"]}
    pusher = Pusher(model, evaluator.outputs["blessing"], push_destination=destination, **served)
    return [champion, evaluator, *checks, pusher]


def _example_gen(configuration):
    """The ExampleGen of the source; another source's libraries need not be imported."""
    data = configuration.data
    module = importlib.import_module(f"components.{data.source}_example_gen.component")
    kind = getattr(module, data.source_keys.COMPONENT)
    return kind(data.source_keys, data.features, **_span_store(configuration, kind))


def _span_store(configuration, kind):
    """What a component needs to keep what it makes of spans, where the data comes in spans."""
    if not getattr(configuration.data.source_keys, "has_spans", False):
        return {}
    folder = str(PurePosixPath(configuration.root) / SPANS)
    return {"span_store": SpanStore(folder=folder, code=code_fingerprint(kind.__module__))}
