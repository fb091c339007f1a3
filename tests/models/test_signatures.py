"""The signature of a network is the one declaration of its parameters."""

import json
import subprocess
import sys

import models
from settings.augmentation import Augmentation
from settings.model import parameters_of

_READ_ALL = """
import json, sys, time
import pydantic
began = time.perf_counter()
import models, augmentations
from settings.augmentation import Augmentation
from settings.model import parameters_of
sections = [parameters_of(name) for name in models.NAMES]
heavy = sorted({"tensorflow", "keras", "numpy"} & set(sys.modules))
print(json.dumps({"heavy": heavy, "seconds": time.perf_counter() - began}))
"""


def test_reading_all_signatures_imports_no_tensorflow():
    done = subprocess.run([sys.executable, "-c", _READ_ALL], capture_output=True, text=True)
    assert json.loads(done.stdout)["heavy"] == [], done.stderr


def test_every_parameter_has_a_default_and_a_description():
    sections = [Augmentation, *map(parameters_of, models.NAMES)]
    for section in sections:
        for name, field in section.model_fields.items():
            assert field.description, name
            assert not field.is_required(), name


def test_the_defaults_are_allowed_values():
    for name in models.NAMES:
        section = parameters_of(name)
        defaults = {key: field.default for key, field in section.model_fields.items()}
        section.model_validate(defaults)
