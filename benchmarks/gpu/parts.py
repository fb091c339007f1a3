"""What is measured, in the order of its worth: a short lease may end before the last part."""

import dataclasses
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.gpu import fed_step, machine
from benchmarks.gpu.fed_step import FedStep, Workload
from benchmarks.input import photographs
from benchmarks.input.photographs import Photographs
from components.trainer.checkpoints import Checkpoints
from components.trainer.input.features import LABEL, Feature
from components.trainer.input.function import Input, input_function
from components.trainer.input.options import FeedOptions
from components.trainer.input_report.report import InputReport
from components.trainer.preparation import prepare
from components.trainer.training_log import TrainingLog
from components.transform.encoding import FixedExample
from settings.model import Model
from settings.training import Training
from settings.training_input import InputReport as Limits

_MASKS = Feature("mask", (*photographs.SHAPE[:2], 1), "uint8")
_MASK_CLASSES = 4


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is measured."""

    images: int  # photographs
    classifier: Workload  # of the photographs, each of a class of its own
    segmenter: Workload
    seconds: float  # of one measurement
    rounds: int


FULL = Size(
    images=3072,
    classifier=Workload(Model(name="resnet"), photographs.SHAPE, 3072, 256),
    segmenter=Workload(Model(name="unet"), photographs.SHAPE, _MASK_CLASSES, 64, "segmentation"),
    seconds=2.0,
    rounds=3,
)
SMALL = Size(
    images=32,
    classifier=Workload(
        Model(name="small_cnn", parameters={"filters": [4, 8]}), photographs.SHAPE, 32, 8
    ),
    segmenter=Workload(
        Model(name="unet", parameters={"filters": [2, 4]}),
        photographs.SHAPE,
        _MASK_CLASSES,
        4,
        "segmentation",
    ),
    seconds=0.1,
    rounds=1,
)


def parts(size: Size, data: Path) -> dict[str, Callable[[], object]]:
    """Each part by its name; it returns what goes into the JSON.

    Args:
      data: a folder on a local disk for the photographs and the disk strategy.
    """
    made = functools.cache(lambda: _labelled(photographs.make(data, size.images), size, data))
    # The strategies share one compiled step: compiling takes longer than measuring.
    steps = functools.cache(functools.partial(_step, size, made))
    classifier, segmenter = size.classifier.model.name, size.segmenter.model.name
    found = {
        "machine": machine.facts,
        "transfers": machine.transfers,
        "trainer, small images": functools.partial(_small_images, size),
        f"trainer, {classifier}, planned": functools.partial(_planned, size, made),
        f"{classifier}, keras fit, without XLA": functools.partial(
            _keras_fit, size, made, xla=False
        ),
    }
    fed = functools.partial(_fed, size, made, steps)
    for workload, segmentation in ((classifier, False), (segmenter, True)):
        found[f"{workload}, memory, without XLA"] = functools.partial(
            fed, segmentation, "memory", xla="off"
        )
    # XLA comes last: it compiles the ResNet for a minute.
    for kind in ("memory", "streaming", "jpeg", "disk"):
        found[f"{classifier}, {kind}"] = functools.partial(fed, False, kind)
    for kind in ("memory", "streaming"):
        found[f"{segmenter}, {kind}"] = functools.partial(fed, True, kind)
    found[f"{classifier}, 8 steps a call"] = functools.partial(fed, False, "memory", at_once=8)
    found[f"{classifier}, keras fit"] = functools.partial(_keras_fit, size, made, xla=True)
    return found


@dataclasses.dataclass(frozen=True)
class _Data:
    photographs: Photographs
    masks: str  # a TFRecord file of Examples with raw images and masks
    folder: str


def _labelled(made: Photographs, size: Size, folder: Path) -> _Data:
    """The photographs, and a quarter of them with masks of four levels of grey."""
    file = folder / f"masks-{size.images}.tfrecord"
    pixels = int(np.prod(photographs.SHAPE))
    form = FixedExample({"image": pixels, "mask": pixels // 3})
    batches = input_function(
        made.raw, photographs.SHAPE, size.segmenter.batch_size, training=False
    ).dataset
    with tf.io.TFRecordWriter(str(file)) as writer:
        for images, _ in batches.take(max(1, size.images // 4 // size.segmenter.batch_size)):
            for image in images.numpy():
                mask = (image.mean(axis=-1) // 64).astype(np.uint8)
                writer.write(form.encode({"image": image.tobytes(), "mask": mask.tobytes()}))
    return _Data(made, str(file), str(folder / "cache"))


def _training(size: Size, segmentation: bool, at_once: int = 1, xla: str = "auto") -> Training:
    workload = size.segmenter if segmentation else size.classifier
    return Training(
        batch_size=workload.batch_size,
        learning_rate=1e-5,  # No figure may become infinite meanwhile.
        steps_per_execution=at_once,
        xla=xla,
    )


def _input(size: Size, data: _Data, segmentation: bool, kind: str) -> Input:
    workload = size.segmenter if segmentation else size.classifier
    encoded = kind == "jpeg"
    files = data.photographs.encoded if encoded else data.photographs.raw
    return input_function(
        [data.masks] if segmentation else files,
        workload.image_shape,
        workload.batch_size,
        training=True,
        target=_MASKS if segmentation else LABEL,
        encoded=encoded,
        options=FeedOptions(
            seed=1, strategy="streaming" if encoded else kind, cache_dir=data.folder
        ),
    )


def _step(size: Size, made, segmentation: bool, at_once: int, xla: str) -> FedStep:
    training = _training(size, segmentation, at_once, xla)
    chosen = fed_step.choose(training)
    spec = _input(size, made(), segmentation, "streaming").element_spec
    return FedStep(size.segmenter if segmentation else size.classifier, training, spec, chosen)


def _fed(
    size: Size,
    made,
    steps,
    segmentation: bool,
    kind: str,
    *,
    xla: str = "auto",
    at_once: int = 1,
) -> dict:
    began = time.perf_counter()
    step = steps(segmentation, at_once, xla)
    source = _input(size, made(), segmentation, kind)
    found = fed_step.measure(step, source, size.seconds, size.rounds)
    found |= {"precision": step.devices.precision, "xla": step.devices.xla, "at_once": at_once}
    return found | {"took_seconds": time.perf_counter() - began}


def _small_images(size: Size) -> dict:
    """The whole Trainer on images so small that every fetch counts."""
    count, shape, batch = 64 * size.images // 3, (32, 32, 3), 32 * size.classifier.batch_size // 8
    random = np.random.default_rng(1)
    form = FixedExample({"image": int(np.prod(shape)), "label": "int64"})
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/data-00000-of-00001"
        with tf.io.TFRecordWriter(file) as writer:
            for number in range(count):
                image = random.integers(0, 256, shape, np.uint8).tobytes()
                writer.write(form.encode({"image": image, "label": number % 10}))
        training = Training(batch_size=min(batch, count // 4), epochs=4, steps_per_execution=8)
        workload = Workload(Model(name="small_cnn"), shape, 10, training.batch_size)
        report = _trained(workload, training, [file], "memory")
    kept = ("line", "images_per_second", "real_to_ceiling", "wait")
    return {"batch": training.batch_size, **{name: report.content[name] for name in kept}}


def _planned(size: Size, made) -> dict:
    """The whole Trainer on photographs, with the strategy that its plan chooses."""
    training = _training(size, segmentation=False, xla="off")
    training = training.model_copy(update={"epochs": 4})
    report = _trained(size.classifier, training, made().photographs.raw, "auto", made().folder)
    kept = ("line", "strategy", "reason", "images_per_second", "real_to_ceiling", "wait", "plan")
    return {name: report.content[name] for name in kept}


def _trained(
    workload: Workload, training: Training, files: list[str], strategy: str, folder=None
) -> InputReport:
    """The report of a training by the Trainer's own loop, which has ended."""
    report, chosen = InputReport(Limits()), fed_step.choose(training)
    prepare(
        training,
        build_model=workload.build,
        training_input=functools.partial(
            input_function, files, workload.image_shape, training.batch_size, training=True
        ),
        options=FeedOptions(seed=1, strategy=strategy, cache_dir=folder),
        validation=None,
        checkpoints=Checkpoints(None, None, 60.0),
        log=TrainingLog(None),
        devices=chosen,
        input_report=report,
    ).run()
    return report


def _keras_fit(size: Size, made, xla: bool) -> dict:
    """`Model.fit` on decoded images that tf.data caches: what a careful user writes."""
    import keras

    workload, training = size.classifier, _training(size, segmentation=False)
    chosen = fed_step.choose(training)
    with chosen.policy():
        model = workload.build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=xla)
    cached = input_function(
        made().photographs.raw,
        workload.image_shape,
        workload.batch_size,
        training=False,
        options=FeedOptions(strategy="streaming"),
    ).dataset
    batches = cached.unbatch().cache().shuffle(size.images).batch(workload.batch_size, True)
    batches = batches.prefetch(tf.data.AUTOTUNE)
    model.fit(batches, epochs=2, verbose=0)
    began = time.perf_counter()
    model.fit(batches, epochs=2, verbose=0)
    whole = size.images // workload.batch_size * workload.batch_size
    return {"real": 2 * whole / (time.perf_counter() - began), "batch": workload.batch_size}
