"""Whether an error says that a memory is full: the processor's, or a device's.

Nothing here imports TensorFlow.
"""

import re

# A copy to a GPU says that its Dst tensor is not initialized. No algorithm works in cuDNN, where
# each is tried before a step without XLA, once none gets the memory to be tried in; other causes
# are listed behind.
_SAYS_SO = re.compile(
    r"\bOOM\b|[Oo]ut of memory| allocate |Dst tensor is not initialized"
    r"|No algorithm worked!?\s*$|CU[A-Z]+_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED"
)
# How devices fail. User code may raise the others, in words of its own.
_OF_DEVICES = ("InternalError", "NotFoundError", "UnknownError")


def says_so(error: Exception) -> bool:
    """Whether a tf.errors.OpError says that a memory is full, and nothing of a file."""
    return bool(_SAYS_SO.search(error.message))


def is_full_memory(error: BaseException | None) -> bool:
    """Whether this is TensorFlow's error for a computation that a memory does not hold."""
    # By its module: a process that has not imported TensorFlow cannot have met its errors.
    if type(error).__module__ != "tensorflow.python.framework.errors_impl":
        return False
    kind = type(error).__name__
    return kind == "ResourceExhaustedError" or (kind in _OF_DEVICES and says_so(error))
