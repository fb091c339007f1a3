"""The step times of accelerators that are not here, and where they were published."""

from typing import NamedTuple

from failures import ConfigurationError

_MLPERF = "MLPerf Storage, https://github.com/mlcommons/storage, configs/dlio/workload"


class Accelerator(NamedTuple):
    """One accelerator that trains one network."""

    name: str
    images: int  # a step
    seconds: float  # a step
    enough: float  # the utilisation that the source asks for, 0..1
    source: str

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds


PUBLISHED = {
    one.name: one
    for one in (
        Accelerator("a100", 400, 0.435, 0.9, f"ResNet-50; {_MLPERF}/resnet50_a100.yaml"),
        Accelerator("h100", 400, 0.224, 0.9, f"ResNet-50; {_MLPERF}/resnet50_h100.yaml"),
        Accelerator("b200", 24, 0.04755, 0.85, "RetinaNet; MLPerf Storage 3.0"),
        Accelerator(
            "h100-tensorflow",
            256,
            0.0614,
            0.9,
            "ResNet-50 V2 by this Trainer, bfloat16 and XLA; docs/gpu_h100.json",
        ),
    )
}


def accelerator(given: str, batch_size: int) -> Accelerator:
    """The accelerator of this name, or one that takes this many milliseconds for a batch.

    Raises:
      ConfigurationError: neither a name nor a number above 0.
    """
    if given in PUBLISHED:
        return PUBLISHED[given]
    try:
        milliseconds = float(given)
    except ValueError:
        milliseconds = 0.0
    if not 0 < milliseconds < 1e6:
        raise ConfigurationError(
            f"--accelerator {given}; allowed: {', '.join(PUBLISHED)}, or the milliseconds that "
            "a step on one batch takes, below 1000000"
        )
    name = f"{milliseconds:g} ms a step"
    return Accelerator(name, batch_size, milliseconds / 1000, 0.9, "as given")
