"""What whoever waits for a training is told while it runs."""

import logging
import time

_LOGGER = logging.getLogger("steadyfeed.progress")
_SECONDS_BETWEEN = 0.2


class Progress:
    """Passes messages on to `steadyfeed.progress`, at most five a second."""

    def __init__(self):
        self._next = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def tell(self, message: str, completed: float) -> None:
        """`completed` is the share that is done, 0 to 1."""
        self._next = time.monotonic() + _SECONDS_BETWEEN
        _LOGGER.info(message, extra={"completed": completed})
