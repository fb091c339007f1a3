import pytest
import tensorflow as tf

from components.full_memory import is_full_memory

NONE_WORKED = "No algorithm worked!"


@pytest.mark.parametrize(
    ("kind", "words", "is_full"),
    [
        (tf.errors.ResourceExhaustedError, "failed", True),
        (tf.errors.NotFoundError, NONE_WORKED, True),
        (tf.errors.NotFoundError, f"{NONE_WORKED}  Error messages:\n  CUDNN: Out of memory", True),
        (tf.errors.NotFoundError, f"{NONE_WORKED}  Error messages:\n  NOT_SUPPORTED", False),
        (tf.errors.NotFoundError, "a/b; No such file or directory", False),
        (tf.errors.UnknownError, "CUDNN_STATUS_ALLOC_FAILED", True),
        (tf.errors.InvalidArgumentError, "Out of memory", False),
        (RuntimeError, "Out of memory", False),
    ],
)
def test_a_full_memory_is_told_from_what_else_a_device_fails_by(kind, words, is_full):
    error = kind(None, None, words) if issubclass(kind, tf.errors.OpError) else kind(words)
    assert is_full_memory(error) == is_full
