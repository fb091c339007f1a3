"""Which part of a graph's error is reported: the line with the cause."""

import pytest
import tensorflow as tf

from components import graph_error


def reported(work) -> str:
    with pytest.raises(tf.errors.OpError) as raised:
        work()
    return graph_error.cause(raised.value, "nothing")


def test_of_a_datasets_error_the_cause_comes_without_the_iterators_name():
    images = tf.data.Dataset.from_tensors(b"\xff\xd8\xff no image").map(tf.io.decode_jpeg)
    cause = reported(lambda: list(images))
    assert not cause.startswith(("{{", "Error in"))
    assert "iterator" not in cause
    assert cause == "This is a damaged JPEG"


def test_of_an_assertion_the_cause_is_its_own_words():
    def check():
        tf.debugging.Assert(tf.constant(1) > 2, ["This is not a picture."])

    assert reported(tf.function(check)) == "This is not a picture"


def test_where_no_line_says_anything_the_caller_does():
    assert graph_error.cause(tf.errors.InternalError(None, None, "<\n"), "unknown") == "unknown"
