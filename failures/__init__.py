"""What a user can cause, as one line for the user; every other exception is a defect."""


class Failure(Exception):
    """Stops a component or a command: the cause, then the next step, in one line.

    Whoever catches it shows `str(failure)` and never a traceback.
    """


class ConfigurationError(Exception):
    """The mistakes of a configuration or a command, one line each; nothing has run yet."""

    def __init__(self, *mistakes):
        super().__init__("\n".join(mistakes))
