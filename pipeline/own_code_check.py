"""Whether the image of a step holds the user code that its package was compiled from."""

from collections.abc import Iterable

from failures import Failure


def check_own_code(arguments: Iterable[str]) -> None:
    """Refuses to run other code than that for which the arguments of a step were made.

    Raises:
      Failure: the image holds other code, or none.
    """
    # Not at the top: a step imports only what its code's fingerprint covers.
    from components.typed_component import OWN_CODE

    for argument in arguments:
        if argument.startswith(OWN_CODE):
            from settings.own_modules import digest

            modules, _, state = argument.removeprefix(OWN_CODE).partition("@")
            if digest(modules.split(",")) != state:
                raise Failure(
                    f"the code of {modules} in this image is not that which the package was "
                    "compiled from. Build the image and compile the package from the same files; "
                    "see docs/own_code.md."
                )
