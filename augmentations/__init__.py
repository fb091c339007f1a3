"""Random changes of the training images: each file of this folder is one.

A file declares a function whose name says where it takes part, and whose keyword parameters are
keys of the section `augmentation`: type, range and description stand in their annotations
(`Annotated[float, Field(ge=0, description="…")]`), and a key at its default changes nothing.

- `move(grid, draw, *, …)` returns the `Grid` of where pixels come from. All moves are one
  resampling, so a picture is blurred once, however many there are.
- `mirror(pictures, draw, *, …)`, beside a `move`, does the same to pictures (batch, height, width,
  channels) themselves. It is used where no other file moves pixels, to save the resampling.
- `recolour(colours, draw, *, …)` returns the `Colours` after the change. All changes of colour are
  one affine transform, rounded once.
- `repaint(pictures, draw, *, …)` returns pictures (batch, height, width, channels) uint8 whose
  levels changed otherwise, after all moves and changes of colour.
- `blank(size, draw, *, …)` returns which pixels are blanked, (batch, height, width) bool.

`draw(name)` gives one number in 0..1 for each picture, (batch,) float32, the same ones for the same
name, seed and step. Names are the file's own: another file's draws never change them. Functions
take and return tensors, run eagerly, inside tf.data and compiled by XLA, and import TensorFlow
inside the function only. `NEEDS_COLOUR = True` marks a file whose keys need RGB images.

In the order of their names, files take part as if each one changed the picture of the one before.
"""

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Draw = Callable[[str], Any]

STAGES = ("move", "mirror", "recolour", "repaint", "blank")
NAMES = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py")))


def load(name: str) -> ModuleType:
    """The file of the augmentation `name`, one of `NAMES`."""
    return importlib.import_module(f"augmentations.{name}")


def functions_of(name: str) -> dict[str, Callable]:
    """The functions that the file `name` declares, by their stage."""
    declared = vars(load(name))
    return {stage: declared[stage] for stage in STAGES if stage in declared}


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where each pixel of the changed picture comes from in the original.

    Attributes:
      x, y: pixels right of and below the picture's centre, float32, that broadcast to
        (batch, height, width).
      height, width: of the picture, in pixels.
    """

    x: Any
    y: Any
    height: int
    width: int


@dataclasses.dataclass(frozen=True)
class Colours:
    """Colours of a picture as an affine transform of the original's: gain · matrix · rgb + offset.

    Attributes:
      means: (batch, channels) float32, the original's mean colour, 0..255.
      gain: (batch,) float32.
      offset: (batch,) float32, equal for all channels.
      matrix: (batch, 3, 3) float32 from RGB to RGB, which leaves grey as it is; None for the
        identity.
    """

    means: Any
    gain: Any
    offset: Any
    matrix: Any = None

    def scaled(self, factor) -> "Colours":
        """All colours times `factor`, (batch,)."""
        return dataclasses.replace(self, gain=factor * self.gain, offset=factor * self.offset)

    def shifted(self, amount) -> "Colours":
        """All colours plus `amount`, (batch,)."""
        return dataclasses.replace(self, offset=self.offset + amount)

    def mixed(self, matrix) -> "Colours":
        """All colours times `matrix`, (batch, 3, 3), which leaves grey and luma as they are."""
        matrix = matrix if self.matrix is None else matrix @ self.matrix
        return dataclasses.replace(self, matrix=matrix)

    @property
    def mean_luma(self):
        """(batch,) float32, of the changed picture."""
        import tensorflow as tf

        weights = LUMA if self.means.shape[-1] == 3 else (1.0,)
        return self.gain * tf.reduce_sum(self.means * weights, axis=-1) + self.offset


LUMA = (0.299, 0.587, 0.114)  # of red, green and blue


def symmetric(most: float, uniform):
    """Between -most and most, of numbers in 0..1."""
    return most * (2 * uniform - 1)
