"""The one exception that carries a cause and a next step to the user."""


class Failure(Exception):
    """What stopped a component, in one line for its user: the cause, then the next step.

    Whoever runs the component shows `str(failure)` and never a traceback; every
    other exception is a defect and is shown with one.
    """
