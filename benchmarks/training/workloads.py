"""Three networks and images for them."""

import dataclasses

import keras
import numpy as np

from components.trainer.model import build_model
from settings.model import Model

CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network, the images that it sees, how many at once, and in how many steps an epoch.

    The steps make an epoch take a second or two on two cores.
    """

    name: str
    model: Model
    image_shape: tuple[int, int, int]
    batch_size: int
    steps_per_epoch: int

    @property
    def segmentation(self) -> bool:
        return self.name == "unet"

    @property
    def task(self) -> str:
        return "segmentation" if self.segmentation else "classification"

    def images(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(count, *image_shape) uint8 noise, and labels int64 or masks (…, 1) uint8."""
        random = np.random.default_rng(1)
        images = random.integers(0, 256, (count, *self.image_shape)).astype(np.uint8)
        if self.segmentation:
            masks = random.integers(0, CLASSES, (count, *self.image_shape[:2], 1))
            return images, masks.astype(np.uint8)
        return images, random.integers(0, CLASSES, count)

    def build(self) -> keras.Model:
        channels = self.image_shape[-1]
        pixels = [120.0] * channels, [70.0] * channels
        return build_model(self.model, self.image_shape, CLASSES, *pixels)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "small_cnn",
            Model(name="small_cnn", parameters={"filters": [16, 32, 64]}),
            (48, 48, 3),
            64,
            64,
        ),
        Workload("resnet", Model(name="resnet", parameters={}), (48, 48, 3), 16, 8),
        Workload(
            "unet",
            Model(name="unet", parameters={"filters": [16, 32, 64]}),
            (64, 64, 3),
            16,
            16,
        ),
    )
}
