"""Finds the cause in the many lines of a TensorFlow error about a model or its graph."""

import re

import tensorflow as tf

from components.image_flaws import in_words

# Lines about the graph, Python's calls, and what an error elsewhere in the graph ended.
_NOISE = re.compile(
    r"Detected at|Graph execution|File |<|\[\[|Function was cancelled"
    "|No algorithm worked! +Error messages"  # of cuDNN, which then says what each failed with
    "|Error executing(?! an HTTP request)"  # which tells why a bucket was not read
)
# Names of nodes and iterators, which would fill the line before its cause.
_NAMES = re.compile(
    r"\{\{[^}]*\}\} |Error in [^:]*:\d+ \w+ with iterator: \S+: | \[Op:.*"
    r"|ValueError: "  # how numpy_function calls what a function raised
    r"|StringToNumberOp could not correctly convert string: "  # of a decoder here
)

_ASSERTED = re.compile(r"^assertion failed: \[(.*?)\.?\]$")  # the words of an Assert alone

# What loading a SavedModel and looking for its signatures raises.
UNLOADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError, tf.errors.OpError)


def first_line(error: Exception) -> str:
    """What an error of UNLOADABLE says first, at most 200 characters."""
    return str(error).strip().split("\n")[0][:200] or type(error).__name__


def cause(error: tf.errors.OpError, otherwise: str) -> str:
    """The first line with content, at most 200 characters and no nodes' names, or `otherwise`."""
    lines = (line.strip() for line in _NAMES.sub("", error.message).splitlines())
    said = [line for line in lines if line and not _NOISE.match(line)]
    first = (said or [otherwise])[0].split(" [[")[0]
    return in_words(_ASSERTED.sub(r"\1", first)[:200])
