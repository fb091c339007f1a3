"""The state of user code, in an argument of the steps that run it: cache keys hold it."""

from collections.abc import Iterable

from failures import Failure

FLAG = "--own-code="


def own_code_flags(modules: Iterable[str]) -> list[str]:
    """The argument that names these modules and the state of their code; none without modules.

    Raises:
      Failure: a module is not found, or a file is not Python.
    """
    from settings.own_modules import digest

    modules = sorted(set(modules))
    return [f"{FLAG}{','.join(modules)}@{digest(modules)}"] if modules else []


def check_own_code(arguments: Iterable[str]) -> None:
    """Refuses to run other code than that for which the arguments of a step were made.

    Raises:
      Failure: the image holds other code, or none.
    """
    for argument in arguments:
        if argument.startswith(FLAG):
            # Not at the top: a step imports only what its code's fingerprint covers.
            from settings.own_modules import digest

            modules, _, state = argument.removeprefix(FLAG).partition("@")
            if digest(modules.split(",")) != state:
                raise Failure(
                    f"the code of {modules} in this image is not that which the package was "
                    "compiled from. Build the image and compile the package from the same files; "
                    "see docs/own_code.md."
                )
