"""User code is found, read and checked as a syntax tree: nothing of it runs."""

import subprocess
import sys
import textwrap

import pytest

from failures import Failure
from settings import own_modules
from settings.own_code import declaration
from settings.reading import load
from settings.training import Recipe
from tests.own_code.user_package import forget_afterwards
from tests.test_rooms import FLOORS, rooms

EXAMPLE = "tests/own_code/digits.yaml"
NETWORK = """
    import no_such_library

    def tiny(pixels, classes, *, depth: int = 3):
        raise AssertionError("nothing runs this")
"""


def test_a_package_beside_the_configuration_is_found_and_the_configuration_says_where(project):
    project.write("nets", NETWORK)
    made = project.load('{name: "KIT.nets:tiny", parameters: {depth: 5}}')
    assert made.code == str(project.folder)
    assert made.model.parameters == {"depth": 5}
    # Processes that a run starts find it too.
    assert str(project.folder) in sys.path


def test_code_names_another_folder(project):
    project.write("nets", NETWORK)
    elsewhere = project.folder / "src"
    elsewhere.mkdir()
    (project.folder / project.package).rename(elsewhere / project.package)
    assert project.load('{name: "KIT.nets:tiny"}', f"code={elsewhere}").code == str(elsewhere)
    [line] = project.mistakes('{name: "KIT.nets:tiny"}', "code=/no/such/folder")[:1]
    assert "code: given '/no/such/folder'; allowed: an existing folder" in line


def test_a_package_and_a_module_may_be_links(project, tmp_path_factory):
    project.write("nets", NETWORK)
    module = project.folder / f"{project.package}_alone.py"
    module.write_text(textwrap.dedent(NETWORK))
    for place in (project.folder / project.package, module):
        place.symlink_to(place.rename(tmp_path_factory.mktemp("library") / "another_name"))
    assert project.load('{name: "KIT.nets:tiny"}').code == str(project.folder)
    assert project.load(f'{{name: "{module.stem}:tiny"}}').code == str(project.folder)


def test_a_configuration_without_user_code_names_no_folder():
    assert load("configs/digits.yaml").code is None


def test_checking_the_example_imports_neither_the_package_nor_tensorflow():
    code = (
        f"import sys; from settings.reading import load; load({EXAMPLE!r}); "
        "print(sorted({'tensorflow', 'keras', 'numpy', 'vision_kit'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code]) == b"[]\n"


HINTS = """
    import typing as t
    from collections.abc import Sequence
    from dataclasses import dataclass
    from typing import Annotated, Literal, Optional

    import annotated_types
    import pydantic
    from pydantic import BaseModel, Field

    Share = Annotated[float, Field(ge=0, lt=1, description="a share")]
    LEAST = 1

    def function(
        pixels,
        classes,
        depth: int = 3,
        share: Share = 0.5,
        sides: tuple[int, ...] = (3, 3),
        filters: "Sequence[Annotated[int, Field(gt=0)]]" = (16,),
        kind: Literal["max", "mean"] = "max",
        skip: Optional[bool] = None,
        scale: t.Annotated[float, annotated_types.Ge(LEAST)] | None = None,
        of_class: dict[str, float] = {},
        activation=None,
        **others,
    ):
        pass

    @dataclass
    class Fields:
        classes: int
        depth: Annotated[int, Field(ge=LEAST)] = 3

        def __call__(self, pixels):
            pass

        def __call__(self, pixels):
            pass

    class Wider(Fields):
        pass

    class Validated(BaseModel):
        classes: int
        depth: pydantic.PositiveInt = Field(3, description="how many")

    class Layered(keras.Model):
        def __init__(self, classes: int, *, depth: int, name=None):
            pass
"""


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ("depth: 2.5", "parameters.depth: given 2.5; allowed: a whole number"),
        ("depht: 2", "parameters.depht: unknown key; did you mean depth?"),
        ("share: 1.0", "parameters.share: given 1.0; allowed: a number, 0 or more, below 1"),
        ("sides: 3", "parameters.sides: given 3; allowed: a list of a whole number"),
        ("kind: min", "parameters.kind: given 'min'; allowed: 'max' or 'mean'"),
        ("skip: 1", "parameters.skip: given 1; allowed: true or false"),
        ("scale: 0.5", "parameters.scale: given 0.5; allowed: a number, 1 or more"),
        ("of_class: [1]", "parameters.of_class: given [1]; allowed: keys and values, each value: "),
        ("activation: relu", "activation has no type hint that a configuration can follow"),
    ],
)
def test_a_wrong_parameter_is_one_line(project, given, mistake):
    project.write("nets", HINTS)
    [line] = project.mistakes(f'{{name: "KIT.nets:function", parameters: {{{given}}}}}')
    assert mistake in line
    assert line.startswith(f"{project.folder}/mine.yaml:")


@pytest.mark.parametrize(
    "given",
    ["depth: 9", "share: 0", "sides: [3, 5]", "filters: [8]", "skip: null", "of_class: {a: 1}"],
)
def test_what_the_hints_allow_is_taken(project, given):
    project.write("nets", HINTS)
    project.load(f'{{name: "KIT.nets:function", parameters: {{{given}}}}}')


@pytest.mark.parametrize("name", ["Fields", "Wider", "Validated", "Layered"])
def test_parameters_of_a_class_are_its_fields_or_those_of_init(project, name):
    project.write("nets", HINTS)
    project.load(f'{{name: "KIT.nets:{name}", parameters: {{depth: 2}}}}')
    [line] = project.mistakes(f'{{name: "KIT.nets:{name}", parameters: {{depth: deep}}}}')
    assert "model.parameters.depth: given 'deep'; allowed: a whole number" in line


def test_a_parameter_without_a_default_must_be_given(project):
    project.write("nets", HINTS)
    [line] = project.mistakes('{name: "KIT.nets:Layered"}')
    assert "model.parameters.depth: missing" in line


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("KIT.nets:tinny", "KIT/nets.py has no tinny; did you mean tiny?"),
        ("KIT.net:tiny", "there is no KIT/net.py in "),
        ("no_such_kit.nets:tiny", "there is no package no_such_kit in "),
        ("models.resnet:network", "models is a package of this project; give your own another"),
        ("KIT/nets.py:tiny", "mobilenet, resnet, small_cnn, unet, or package.module:Name"),
        ("KIT.nets:NUMBER", "KIT/nets.py:7: NUMBER is neither a function nor a class"),
        ("KIT.nets:wrong", "KIT/nets.py:9: wrong does not take classes and pixels; allowed: a "),
        ("KIT.nets:untyped", "KIT/nets.py:12: parameter depth of untyped has no type hint and no"),
        ("KIT.broken:tiny", "broken.py:1 is not Python: "),
        ("KIT.importing:tiny", "broken.py:1 is not Python: "),
    ],
)
def test_code_that_cannot_be_read_is_one_line(project, name, mistake):
    more = (
        "NUMBER = 3\n",
        "def wrong(x, num_classes):\n    pass\n",
        "def untyped(pixels, classes, depth):\n    pass\n",
    )
    project.write("nets", textwrap.dedent(NETWORK) + "\n" + "\n".join(more))
    project.write("broken", "def tiny(:\n")
    project.write("importing", f"from {project.package} import broken\n" + textwrap.dedent(NETWORK))
    [line] = project.mistakes(f'{{name: "{name}"}}')
    assert "model.name: given " in line
    assert mistake in line


def test_a_name_may_come_from_another_module_of_the_package(project):
    project.write("nets", NETWORK)
    project.write("__init__", "from .nets import tiny\n")
    assert project.load('{name: "KIT:tiny", parameters: {depth: 1}}').model.name.endswith(":tiny")


def test_a_module_of_the_package_that_is_imported_and_missing_is_named(project):
    project.write("nets", "from .gone import sizes\n" + textwrap.dedent(NETWORK))
    [line] = project.mistakes('{name: "KIT.nets:tiny"}')
    assert "KIT/nets.py:1 imports KIT.gone, which is missing" in line
    project.write("nets", f"import json, {project.package}.gone\n" + textwrap.dedent(NETWORK))
    assert "imports KIT.gone, which is missing" in project.mistakes('{name: "KIT.nets:tiny"}')[0]
    tries = "try:\n    from .gone import sizes\nexcept ImportError:\n    sizes = None\n"
    project.write("nets", tries + textwrap.dedent(NETWORK))
    assert project.load('{name: "KIT.nets:tiny"}')


def test_its_parameters_can_be_searched(project):
    project.write("nets", NETWORK)
    search = "{trials: 2, epochs: 1, search_space: {model.parameters.%s: {choices: [%s]}}}"
    name = '{name: "KIT.nets:tiny"}'
    assert project.load(name, f"tuner={search % ('depth', '1, 2')}").tuner
    [line] = project.mistakes(name, f"tuner={search % ('depth', '1, deep')}")
    assert "model.parameters.depth: given 'deep'; allowed: a whole number" in line
    [line] = project.mistakes(name, f"tuner={search % ('zoom', '1, 2')}")
    assert "model.parameters.zoom: unknown key; allowed: " in line


def test_an_edit_of_what_the_module_imports_is_another_state_of_the_code(project):
    project.write("nets", f"from {project.package} import blocks\n" + textwrap.dedent(NETWORK))
    project.write("blocks", "from . import deeper\n")
    project.write("deeper", "SIDE = 3\n")
    project.write("scores", "def cost(counts):\n    pass\n")
    module = project.load('{name: "KIT.nets:tiny"}').model.name.partition(":")[0]

    def state():
        return own_modules.digest([module])

    before = state()
    project.write("scores", "def cost(counts):\n    return 1.0\n")
    assert state() == before
    project.write("deeper", "SIDE = 5\n")
    assert state() != before


def test_the_state_is_that_of_the_same_code_in_another_folder(project, tmp_path_factory):
    project.write("nets", NETWORK)
    module = project.load('{name: "KIT.nets:tiny"}').model.name.partition(":")[0]
    before = own_modules.digest([module])
    image = tmp_path_factory.mktemp("image")
    (project.folder / project.package).rename(image / project.package)
    sys.path.append(str(image))
    own_modules._folders.clear()
    assert own_modules.digest([module]) == before


def test_code_that_is_not_there_is_one_line_for_a_step_too():
    with pytest.raises(Failure, match="there is no package gone") as refused:
        Recipe.of(model={"name": "gone.nets:tiny"})
    assert "\n" not in str(refused.value)


def test_no_package_of_this_project_passes_for_user_code():
    assert rooms() | {"tests", "benchmarks", "environment"} == own_modules.OURS
    assert set().union(*FLOORS) - {"input_report"} <= own_modules.OURS


def test_the_example_declares_what_it_takes(monkeypatch):
    forget_afterwards(monkeypatch)
    load(EXAMPLE)
    keys = declaration("network", "vision_kit.nets:Tiny").parameters.model_fields
    assert set(keys) == {"width", "stride"}
    assert keys["width"].description == "filters of the convolution"
