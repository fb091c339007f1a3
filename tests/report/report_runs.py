"""Runs in a real ML Metadata with the files that the components leave, without running them."""

import io
import json
import struct

import google_crc32c
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from PIL import Image
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.trainer.input_plan.plan import Plan
from components.trainer.input_plan.prediction import Consumer, Epoch, Forecast
from components.trainer.input_report import plot
from settings.reading import load

_STATES = metadata_store_pb2.Execution
_EVENT = metadata_store_pb2.Event
# What the verdict and the gate of `classified` went by.
BOUNDS = (
    "evaluation.thresholds={accuracy: {min: 0.97}}",
    "evaluation.change={accuracy: {max_drop: 0.005}}",
    "validation.allow={label: [ENUM_TYPE_UNEXPECTED_STRING_VALUES]}",
    "validation.max_anomalies=1",
)


class Root:
    """A pipeline's root folder, to which runs are added."""

    def __init__(self, folder, settings=()):
        self.folder = folder
        places = [f"root={folder}", f"push.destination={folder}/pushed"]
        self.configuration = load("configs/digits.yaml", [*places, *BOUNDS, *settings])
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(folder / "metadata.sqlite")
        connection.sqlite.connection_mode = (
            metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        )
        self._store = MetadataStore(connection)
        kinds = metadata_store_pb2
        self._context = self._store.put_context_type(kinds.ContextType(name="pipeline_run"))
        self._artifact = self._store.put_artifact_type(kinds.ArtifactType(name="Any"))
        self._newest = {}  # {output: id of its artifact}

    def add_run(self, run_id, steps, **changes):
        """Adds a run.

        Args:
          run_id: of the run.
          steps: {component: {"state", "inputs": [output], "outputs": {output: {"said":
            properties, file name: content}}}}. A cached component gives the artifacts of the
            run before.
          changes: of the origin.
        """
        plain = self.configuration.model_dump(mode="json", by_alias=True)
        origin = {"git_commit": "c" * 40, "git_state": "clean", "lock_sha256": "e" * 64}
        origin |= {"configuration": json.dumps(plain)} | changes
        context = metadata_store_pb2.Context(type_id=self._context, name=run_id)
        _put(context.custom_properties, origin)
        [context_id] = self._store.put_contexts([context])
        made = {}
        for component, step in steps.items():
            kind = metadata_store_pb2.ExecutionType(name=f"components.{component}")
            execution = metadata_store_pb2.Execution(
                type_id=self._store.put_execution_type(kind),
                last_known_state=step.get("state", _STATES.COMPLETE),
            )
            [execution_id] = self._store.put_executions([execution])
            for name in step.get("inputs", ()):
                self._event(execution_id, made[name], _EVENT.INPUT, name)
            for name, files in step.get("outputs", {}).items():
                if step.get("state") != _STATES.CACHED:
                    # As TFX names it.
                    folder = self.folder / component / name / str(execution_id)
                    self._newest[name] = self._put_artifact(folder, dict(files))
                made[name] = self._newest[name]
                self._event(execution_id, made[name], _EVENT.OUTPUT, name)
            link = metadata_store_pb2.Association(execution_id=execution_id, context_id=context_id)
            self._store.put_attributions_and_associations([], [link])

    def _put_artifact(self, folder, files):
        said = files.pop("said", {})
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, bytes):
                content = json.dumps(content).encode()
            (folder / file).write_bytes(content)
        artifact = metadata_store_pb2.Artifact(type_id=self._artifact, uri=str(folder))
        _put(artifact.custom_properties, said)
        [artifact_id] = self._store.put_artifacts([artifact])
        return artifact_id

    def _event(self, execution_id, artifact_id, kind, name):
        event = _EVENT(execution_id=execution_id, artifact_id=artifact_id, type=kind)
        event.path.steps.add(key=name)
        event.path.steps.add(index=0)
        self._store.put_events([event])


def _put(properties, values):
    for name, value in values.items():
        kind = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
        setattr(properties[name], kind, value)


def classified(labels=(8, 2), blessed=False, size=500.0):
    """The steps of a run whose two classes have a name that HTML would take for a tag."""
    names = ["<cat>", "dog"]
    epochs = [
        {"epoch": n, "loss": 1 / n, "accuracy": 1 - 1 / n, "validation_loss": 2 / n,
         "validation_accuracy": 1 - 1.5 / (n + 1), "learning_rate": 0.1 / n, "seconds": 1.0,
         "fetch_seconds": 0.01}
        for n in range(1, 6)
    ]  # fmt: skip
    examples = {
        "said": {
            "dataset": "pets/1.0.0",
            "fingerprint": f"f{labels}",
            "counts": json.dumps({"train": sum(labels)}),
            "summary": f"{sum(labels)} examples",
        },
        "class_names.json": {"label": names},
        "Split-train/data-00000-of-00001": b"".join(
            record(image=png(40 * n), label=label) for n, label in enumerate((0, 1, 1))
        ),
    }
    verdict = {
        "blessed": blessed,
        "reasons": [] if blessed else ["accuracy 0.91 is below 0.97"],
        "metrics": {"accuracy": 0.98 if blessed else 0.91, "loss": 0.3},
        "champion_metrics": {"accuracy": 0.95, "loss": 0.4},
    }
    bins = [[0, 0, 0]] * 13
    of_challenger = {
        "confusion": [[0, 0, 9], [0, 1, 2], [1, 1, 10]],
        "reliability": [*bins, [12, 10, 10.9], [9, 9, 8.7]],
    }
    counts = {
        "models": {"challenger": of_challenger},
        "uncalibrated": [*bins, [1, 0, 0.9], [20, 19, 19.9]],
    }
    evaluation = {
        "counts.json": counts,
        "class_names.json": names,
        "worst_examples.json": [
            {"image": "worst/00.png", "file": "data-00000", "record": 7, "loss": 4.2,
             "true": "<cat>", "predicted": "dog", "probability": 0.98}
        ],
        "worst/00.png": png(200),
    }  # fmt: skip
    figures = {"p50_ms": 1.2, "p99_ms": 1.5, "memory_mb": 380.0, "requests": 100}
    exports = {"tflite_int8": {"bytes": 70_000, "saved_model_bytes": 280_000, "difference": 0.0123}}
    serving = {"blessed": True, "causes": [], "server": "C library", "challenger": figures}
    serving["exports"] = exports
    statistics = {"Split-train/FeatureStats.pb": feature_statistics(labels, size)}
    contributions = [
        {"name": name, "examples": 5.0 * label, "weight": 5.0 * label * heavy, "loss": heavy}
        for name, label, heavy in zip(names, labels, (0.5, 1.5), strict=True)
    ]
    calibration = {"temperature": 1.75, "examples": 40, "loss_before": 0.5, "loss_after": 0.4}
    model_run = {
        "history.json": {"best_epoch": 5, "epochs": epochs, "classes": contributions},
        "input_report.json": input_report(),
        "input_report.svg": plot.draw(input_report()).encode(),
    }
    return {
        "TfdsExampleGen": {"outputs": {"examples": examples}},
        "StatisticsGen": {"inputs": ["examples"], "outputs": {"statistics": statistics}},
        "ExampleValidator": {
            "inputs": ["statistics"],
            "outputs": {"anomalies": {"Split-train/SchemaDiff.pb": anomalies()}},
        },
        "ValidationGate": {
            "inputs": ["anomalies", "statistics"],
            "outputs": {"checked_anomalies": {"said": {"summary": "1 anomaly: train 1, allowed"}}},
        },
        "Trainer": {
            "inputs": ["examples"],
            "outputs": {
                "model": {"said": {"summary": "accuracy 0.9"}, "calibration.json": calibration},
                "model_run": model_run,
            },
        },
        "Evaluator": {
            "inputs": ["examples", "model"],
            "outputs": {"evaluation": evaluation, "blessing": {"blessing.json": verdict}},
        },
        "ServingCheck": {
            "inputs": ["model"],
            "outputs": {"infra_blessing": {"serving.json": serving}},
        },
    }


def segmented():
    """The steps of a run whose classes are of pixels."""
    steps = classified(blessed=True)
    mask = png(0, value=100)
    steps["TfdsExampleGen"]["outputs"]["examples"]["Split-train/data-00000-of-00001"] = record(
        image=png(90), mask=mask
    )
    pixels = {"pixels": {"sky": 12, "ground": 4}, "pixels_of_no_class": 0}
    steps["Transform"] = {
        "inputs": ["examples"],
        "outputs": {"transform_graph": {"mask_statistics.json": pixels}},
    }
    ids = Image.new("P", (16, 16), 1)
    ids.putpixel((0, 0), 255)
    out = io.BytesIO()
    ids.save(out, "PNG")
    steps["Evaluator"]["outputs"]["evaluation"] |= {
        "class_names.json": ["sky", "ground"],
        "worst_examples.json": [
            {"image": "worst/00.png", "truth": "worst/00_truth.png", "record": 3, "loss": 1.5,
             "prediction": "worst/00_prediction.png", "file": "data-00000", "iou": 0.25}
        ],
        "worst/00_truth.png": out.getvalue(),
        "worst/00_prediction.png": out.getvalue(),
    }  # fmt: skip
    verdict = steps["Evaluator"]["outputs"]["blessing"]["blessing.json"]
    verdict["metrics"]["mean_iou"] = 0.62
    return steps


def masked_configuration(root):
    """The root's configuration as JSON, with a mask in place of the label."""
    plain = root.configuration.model_dump(mode="json", by_alias=True)
    plain["data"] |= {"mask_feature": "mask", "mask_classes": {"sky": 0, "ground": 100}}
    return json.dumps(plain)


def input_report():
    """What the trainer's room input_report writes."""
    waits = {"share": 0.02, "p50": 0.01, "p99": 0.09}
    return {
        "line": "The model never waited: 1.2 % of the time.",
        "verdict": "input-bound",
        "strategy": "memory",
        "reason": "it fits",
        "images_per_second": {"first_epoch": 900.0, "later_epochs": 4000.0, "ceiling": 4200.0},
        "real_to_ceiling": {"low": 0.93, "middle": 0.95, "high": 0.97},
        "wait": {"first_epoch": waits, "later_epochs": waits},
        "stages": [{"name": "decode", "milliseconds": 1.5, "share": 0.4}],
        "timeline": [{"step": 1, "wait_ms": 0.1, "compute_ms": 3.0}],
        "advice": "Turn on the disk cache.",
        "plan": input_plan(),
    }


def input_plan():
    """What the trainer's room input_plan keeps."""
    first, later = Epoch(850.0, 0.08), Epoch(3950.0, 0.0)
    forecasts = (
        Forecast("memory", first, later, 75.0, 9_000_000_000, 0, None),
        Forecast("disk", first, later, 80.0, 160_000_000, 9_100_000_000, "there is no <room>"),
        Forecast("streaming", Epoch(600.0, 0.4), Epoch(610.0, 0.4), 300.0, 256_000_000, 0, None),
    )
    consumer = Consumer(64, 0.016)
    return Plan("memory", "it fits", consumer=consumer, forecasts=forecasts).content()


def feature_statistics(labels, size):
    """TFDV's statistics of one split as bytes: counts of the labels, and the images' size."""
    whole = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = whole.datasets.add(num_examples=sum(labels))
    label = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    label.path.step.append("label")
    label.string_stats.common_stats.num_non_missing = sum(labels)
    label.string_stats.common_stats.tot_num_values = sum(labels)
    label.string_stats.unique = len(labels)
    for number, count in enumerate(labels):
        label.string_stats.rank_histogram.buckets.add(label=str(number), sample_count=count)
    image = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.BYTES)
    image.path.step.append("image")
    image.bytes_stats.common_stats.num_non_missing = sum(labels)
    image.bytes_stats.avg_num_bytes = size
    return whole.SerializeToString()


def anomalies():
    """Two of TFDV's anomalies as bytes."""
    found = anomalies_pb2.Anomalies()
    kinds = anomalies_pb2.AnomalyInfo
    for feature, kind, text in (
        ("label", kinds.ENUM_TYPE_UNEXPECTED_STRING_VALUES, "Examples hold the value <9>."),
        ("image", kinds.FEATURE_TYPE_LOW_FRACTION_PRESENT, "Missing in 1 example."),
    ):
        info = found.anomaly_info[feature]
        info.path.step.append(feature)
        info.severity = kinds.ERROR
        info.reason.add(type=kind, description=text)
    return found.SerializeToString()


def png(shade, value=None):
    """A small picture as PNG: a gradient from `shade`, or one value everywhere."""
    image = Image.new("L", (16, 16), value or 0)
    if value is None:
        image.putdata([(shade + 3 * x) % 256 for x in range(256)])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def record(**features):
    """An Example of bytes and integers, written by TensorFlow, as a TFRecord."""
    from tensorflow.core.example import example_pb2

    example = example_pb2.Example()
    for name, value in features.items():
        feature = example.features.feature[name]
        (feature.bytes_list if isinstance(value, bytes) else feature.int64_list).value.append(value)
    data = example.SerializeToString()
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data):
    """TFRecord's masked CRC32C."""
    value = google_crc32c.value(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)
