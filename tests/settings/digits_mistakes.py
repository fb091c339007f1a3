"""What a configuration of digits is refused with, line by line."""

from pathlib import Path

import pytest

from failures import ConfigurationError
from settings.reading import load

DIGITS = Path("configs/digits.yaml")
MASKS = "data.mask_feature=mask"
TWO = "data.mask_classes={ground: 0, thing: 1}"
SEVERAL = "data.multi_label=true"
TUNER = ["tuner.trials=3", "tuner.epochs=2"]


def mistakes(file, *overrides):
    with pytest.raises(ConfigurationError) as caught:
        load(file, overrides)
    return str(caught.value).splitlines()
