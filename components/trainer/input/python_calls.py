"""Python functions that tf.data's threads call, and how they end when the process does.

While the interpreter shuts down, it lets no other thread in any more. A thread of tf.data that
comes back to Python then never returns, and the process, which waits for it to drop the iterator,
hangs. So before that, iterators are dropped whose calls are in progress.
"""

import atexit
import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

_QUIET = 0.2  # seconds without a call, after which none comes
_LONGEST = 10.0  # seconds; whatever hangs by then hangs for another reason
_LOOK_EVERY = 0.01


class _Calls:
    """Those of all datasets of this process."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running = 0
        self._latest = float("-inf")  # when the latest one came or ended
        self._ending = False

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self._latest = time.monotonic()
            if self._ending:
                # numpy_function makes an error of tf.data of a ValueError, and logs others.
                raise ValueError("The process ends.")
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._latest = time.monotonic()

    def end(self) -> None:
        """Returns once no call is in progress and none comes any more."""
        if self._are_over():
            return
        _drop_iterators()
        # Threads of what is left, such as an iterator of several devices, fill their buffers with
        # failures and rest.
        self._ending = True
        deadline = time.monotonic() + _LONGEST
        while not self._are_over() and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)

    def _are_over(self) -> bool:
        with self._lock:
            return not self._running and time.monotonic() - self._latest > _QUIET


def _drop_iterators() -> None:
    """Cancels all that iterators of tf.data read ahead, and waits for calls in progress."""
    for thing in gc.get_objects():
        # By its type: asking some objects for their class imports modules.
        if tf.data.Iterator in type(thing).__mro__:
            vars(thing).clear()


_calls = _Calls()
atexit.register(_calls.end)


def numpy_function(function: Callable, inputs: Sequence[tf.Tensor], dtype: tf.DType) -> tf.Tensor:
    """`tf.numpy_function` of a function without side effects, in a dataset."""

    def counted(*values):
        with _calls.counted():
            return function(*values)

    return tf.numpy_function(counted, inputs, dtype, stateful=False)
