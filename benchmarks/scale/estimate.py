"""From the cost of an image to machines, hours, bytes and money; nothing here measures."""

import dataclasses
import math

GIGA, TERA = 1e9, 1e12


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a component was measured to take."""

    fixed: float  # CPU seconds, whatever the number of images
    an_image: float  # CPU seconds
    error: float  # of the prediction of the largest size from the smaller ones: 0.1 is 10% too high

    @classmethod
    def of(cls, measured: dict[int, float]) -> "Cost":
        """From the CPU seconds at three numbers of images, the smallest first.

        The line through the two smaller ones predicts the largest; the one through the two larger
        ones is the cost.
        """
        (few, c_few), (more, c_more), (most, c_most) = sorted(measured.items())
        slope = (c_more - c_few) / (more - few)
        predicted = c_more + slope * (most - more)
        an_image = max(0.0, (c_most - c_more) / (most - more))
        return cls(max(0.0, c_most - an_image * most), an_image, predicted / c_most - 1)


@dataclasses.dataclass(frozen=True)
class DataSet:
    name: str
    images: float
    bytes: float
    pixels: float  # of an image, as it is encoded

    @property
    def bytes_an_image(self) -> float:
        return self.bytes / self.images


IMAGENET_21K = DataSet("ImageNet-21k", 14_197_122, 1.3 * TERA, 0.18e6)
LAION_LIKE = DataSet("LAION-like", 1e9, 60 * TERA, 512 * 512)


@dataclasses.dataclass(frozen=True)
class Prices:
    """A machine, a GPU and a disk; the defaults are round numbers, not anyone's list price."""

    cores: int = 32
    machine_hour: float = 1.5
    disk_bytes_second: float = 1.0 * GIGA  # what one machine reads and writes together
    gpu_hour: float = 3.0
    gpu_images_second: float = 3900.0  # ResNet-50 on an H100: docs/gpu_h100.json
    gpu_machine_bytes_second: float = 3.0 * GIGA  # what one GPU's share of its machine reads
    terabyte_month: float = 23.0


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a stage takes for a whole data set."""

    name: str
    hours: float  # on one machine, or one GPU
    machines: int  # to be done in time
    bytes_read: float
    bytes_written: float
    money: float
    bottleneck: str

    @property
    def hours_together(self) -> float:
        return self.hours / self.machines


@dataclasses.dataclass(frozen=True)
class Measured:
    """Costs of an image of `pixels` and `bytes`, by component."""

    costs: dict[str, Cost]
    bytes: float
    pixels: float
    transformed_bytes: float  # of an image after Transform

    def scaled(self, name: str, data: DataSet) -> float:
        """CPU seconds of an image of another data set: by pixels to decode, by bytes to copy."""
        by_pixels = name in ("Transform", "Evaluator")
        factor = data.pixels / self.pixels if by_pixels else data.bytes_an_image / self.bytes
        return self.costs[name].an_image * factor


# How often each stage reads and writes the raw images, and writes the transformed ones.
_PASSES = {
    "ingest": (1, 1, 0),
    "StatisticsGen": (1, 0, 0),
    "Transform": (2, 0, 1),
    "Evaluator": (1, 0, 0),
}
_HELD_OUT = 0.02  # of the images, which the Evaluator reads


def plan(measured: Measured, data: DataSet, prices: Prices, within: float, epochs: int):
    """The stages of a run, each to be done within this many hours."""
    raw, transformed = data.bytes, measured.transformed_bytes * data.images
    stages = []
    for name, (reads, writes, makes) in _PASSES.items():
        share = _HELD_OUT if name == "Evaluator" else 1.0
        read, written = share * reads * raw, share * (writes * raw + makes * transformed)
        cpu = share * measured.scaled(name, data) * data.images / prices.cores
        disk = (read + written) / prices.disk_bytes_second
        stages.append(_stage(name, {"CPU": cpu, "disk": disk}, read, written, prices, within))
    seconds = {
        "GPU": epochs * data.images / prices.gpu_images_second,
        "reading": epochs * transformed / prices.gpu_machine_bytes_second,
    }
    read = epochs * transformed
    trained = _stage("Trainer", seconds, read, 0.0, prices, within, prices.gpu_hour)
    return [*stages[:3], trained, stages[3]]


def storage(measured: Measured, data: DataSet) -> float:
    """Bytes that lie beside the data: the Examples and what Transform makes of them."""
    return data.bytes + measured.transformed_bytes * data.images


def memory_of_one_process(data: DataSet) -> dict[str, float]:
    """Bytes that grow with the number of images, and where."""
    return {
        "StatisticsGen: digests of all images, twice while they are sorted": 16 * data.images,
        "Transform: digests of all images' pixels, twice": 16 * data.images,
        "Trainer: an epoch's order, but for streaming": 8 * data.images,
    }


def _stage(name, seconds, read, written, prices, within, price=None) -> Stage:
    bottleneck = max(seconds, key=seconds.get)
    hours = seconds[bottleneck] / 3600
    price = prices.machine_hour if price is None else price
    machines = max(1, math.ceil(hours / within))
    return Stage(name, hours, machines, read, written, hours * price, bottleneck)
