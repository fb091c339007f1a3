"""Does work in a thread of its own, in order, while the caller reads on."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class InBackground:
    """At most this many calls wait; adding one more waits for the first of them."""

    def __init__(self, most: int):
        self._most, self._waiting = most, deque()
        self._thread = ThreadPoolExecutor(1)

    def __call__(self, work: Callable, *arguments) -> None:
        """Calls `work` later; raises what an earlier call raised."""
        while len(self._waiting) >= self._most:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(work, *arguments))

    def finish(self) -> None:
        """Waits for all calls; raises what the first one that failed raised."""
        while self._waiting:
            self._waiting.popleft().result()

    def end(self) -> None:
        """Waits for the call that runs, and drops the others."""
        self._thread.shutdown(cancel_futures=True)
