"""A disk that is full in the middle of a file."""

import contextlib
import resource
import signal


@contextlib.contextmanager
def full_disk(size=0):
    """No file of this process grows beyond `size` bytes meanwhile.

    No fixture's: pytest writes its output before it ends a test's fixtures, perhaps to a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
