"""Reports the progress of a training while it runs."""

import logging
import time

_LOGGER = logging.getLogger("steadyfeed.progress")
_SECONDS_BETWEEN = 0.2


class Progress:
    """Logs messages to `steadyfeed.progress`; one is due at most five times a second."""

    def __init__(self):
        self._next = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def report(self, message: str, completed: float) -> None:
        """Sends a message; `completed` is the finished share of the training, 0 to 1."""
        self._next = time.monotonic() + _SECONDS_BETWEEN
        _LOGGER.info(message, extra={"completed": completed})
