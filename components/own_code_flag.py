"""The state of user code, in an argument of the components that run it: cache keys hold it."""

from collections.abc import Iterable

from components.typed_component import OWN_CODE
from settings.own_modules import digest


def own_code_flags(modules: Iterable[str]) -> list[str]:
    """The argument that names these modules and the state of their code; none without modules.

    Raises:
      Failure: a module is not found, or a file is not Python.
    """
    modules = sorted(set(modules))
    return [f"{OWN_CODE}{','.join(modules)}@{digest(modules)}"] if modules else []
