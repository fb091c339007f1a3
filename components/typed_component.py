"""Declares a component as a function: TFX's typed Python components, which take whole sections."""

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tfx.dsl.component.experimental import decorators
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.components.base import base_beam_component, executor_spec

from failures import Failure
from settings.section import Section

_ENGINE, _RUN_ID, _ATTEMPTS_OF = "engine", "run_id", "attempts_of"
# Before the modules of user code that a component runs, and their state, among its arguments.
OWN_CODE = "--own-code="
_FROM_EXECUTOR = {_ENGINE, _RUN_ID, _ATTEMPTS_OF}


def component(
    function: Callable[..., None] | None = None, /, *, check=None, driver=None, counts=None
):
    """Makes a component of a function, as TFX's decorator of this name does.

    A parameter whose annotation is a `Section` travels as JSON in an execution property of
    its name, and the function gets it whole and checked. For a section the component takes
    either the section itself or its plain keys:

        ValidationGate(anomalies=…, statistics=…, validation=Validation(max_anomalies=2))
        ValidationGate(anomalies=…, statistics=…, max_anomalies=2)

    Args:
      function: every parameter annotated: InputArtifact, OutputArtifact, Parameter or a Section.
        Beside these it may take `engine`, on which it works where the runner asks for one, as
        `engine.run_shards` does, else None; `run_id`, "" where unknown; and `attempts_of`, which
        names the step for all attempts at it, "" where an execution that ends is never repeated.
      check: called with the sections that it takes, by name, when the component is made; it raises
        a Failure.
      driver: the component's driver, such as a CacheDriver.
      counts: called as `check` is; gives arguments that the cache key holds and no executor reads,
        such as the state of user code.

    Returns:
      The component's class. Its constructor raises a Failure for a key that a section refuses.
    """
    if function is None:
        return functools.partial(component, check=check, driver=driver, counts=counts)
    parameters = inspect.signature(function).parameters
    sections = {
        name: parameter.annotation
        for name, parameter in parameters.items()
        if inspect.isclass(parameter.annotation) and issubclass(parameter.annotation, Section)
    }
    made = decorators.component(_over_json(function, sections))

    def __init__(self, *positional, **given):
        inputs = [name for name in parameters if name not in made.SPEC_CLASS.OUTPUTS]
        given |= zip(inputs[: len(positional)], positional, strict=True)
        arguments = in_json(given, sections, parameters.keys())
        if check:
            check(**_asked(check, sections, arguments))
        made.__init__(self, **arguments)
        if counts:
            self.executor_spec.add_extra_flags(counts(**_asked(counts, sections, arguments)))

    members = {"__init__": __init__, "__doc__": function.__doc__, "__module__": function.__module__}
    if driver:
        members["DRIVER_CLASS"] = driver
    bases = [made]
    if wanted := _FROM_EXECUTOR & parameters.keys():
        members["EXECUTOR_SPEC"] = _informed(made.EXECUTOR_SPEC.executor_class, wanted)
    if _ENGINE in wanted:
        bases.append(base_beam_component.BaseBeamComponent)
    return type(function.__name__, tuple(bases), members)


def _asked(
    function: Callable, sections: Mapping[str, type[Section]], arguments: Mapping[str, Any]
) -> dict[str, Section]:
    """The sections that a function takes, by name."""
    asked = sections.keys() & inspect.signature(function).parameters
    return {name: sections[name].from_json(arguments[name]) for name in asked}


def _informed(executor, wanted: Collection[str]) -> executor_spec.ExecutorSpec:
    """The executor of a function, which passes it more than TFX does."""
    bases, spec = (executor,), executor_spec.ExecutorClassSpec
    if _ENGINE in wanted:
        from components.engine import EngineExecutor  # Beam, which other components do without

        bases, spec = (EngineExecutor, executor), executor_spec.BeamExecutorSpec

    def __init__(self, context=None):
        bases[0].__init__(self, context)
        known = {
            _ENGINE: getattr(self, _ENGINE, None),
            _RUN_ID: getattr(context, "pipeline_run_id", None) or "",
            _ATTEMPTS_OF: getattr(context, _ATTEMPTS_OF, ""),
        }
        self._FUNCTION = functools.partial(self._FUNCTION, **{name: known[name] for name in wanted})

    members = {"__init__": __init__, "__module__": executor.__module__}
    made = type(executor.__name__, bases, members)
    setattr(sys.modules[executor.__module__], executor.__name__, made)  # A runner finds it there.
    return spec(made)


def _over_json(function, sections: Mapping[str, type[Section]]) -> Callable[..., None]:
    """The same function, with its sections as JSON, and as TFX wants it annotated."""

    def run(**given):
        read = {n: kind.from_json(given[n]) for n, kind in sections.items() if n in given}
        return function(**given | read)

    signature = inspect.signature(function)
    parameters = [
        _in_json(parameter) if name in sections else parameter
        for name, parameter in signature.parameters.items()
        if name not in _FROM_EXECUTOR
    ]
    run.__signature__ = signature.replace(parameters=parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__name__ = run.__qualname__ = function.__name__
    run.__module__ = function.__module__
    return run


def _in_json(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if isinstance(default, Section):
        default = default.model_dump_json()
    return parameter.replace(annotation=Parameter[str], default=default)


def in_json(
    given: Mapping[str, Any], sections: Mapping[str, type[Section]], others: Collection[str] = ()
) -> dict[str, Any]:
    """A component's arguments with each section as JSON.

    Args:
      given: by name, sections or their plain keys among them; of two sections with a key, the
        first takes it.
      sections: the kind of each section, by the name of its argument.
      others: names of arguments that are not keys of sections; without those that are None.

    Raises:
      Failure: a section refuses a key, or a key stands beside its whole section.
    """
    arguments = {n: value for n, value in given.items() if value is not None or n not in others}
    plain = {name: {} for name in sections if arguments.get(name) is None}
    for key in [key for key in arguments if key not in sections and key not in others]:
        taker = next((name for name, kind in sections.items() if key in kind.model_fields), None)
        if taker in plain:
            plain[taker][key] = arguments.pop(key)
        elif taker:
            raise Failure(f"{key}: a key of {taker}, which is given whole; put it there.")
    for name, kind in sections.items():
        section = kind.of(arguments.get(name), **plain.get(name, {}))
        arguments[name] = section.model_dump_json()
    return arguments
