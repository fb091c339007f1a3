"""Finds the cause in the many lines of a TensorFlow graph's error message."""

import re

import tensorflow as tf

# Lines about the graph and Python's calls.
_NOISE = ("Detected at", "Graph execution", "File ", "<", "[[", "Error executing")
# Names of nodes and iterators, which would fill the line before its cause.
_NAMES = re.compile(
    r"\{\{[^}]*\}\} |Error in [^:]*:\d+ \w+ with iterator: \S+: | \[Op:.*"
    r"|StringToNumberOp could not correctly convert string: "  # of `decode_mask`
)


def cause(error: tf.errors.OpError, otherwise: str) -> str:
    """The first line with content, at most 200 characters and no nodes' names, or `otherwise`."""
    lines = (line.strip() for line in _NAMES.sub("", error.message).splitlines())
    said = [line for line in lines if line and not line.startswith(_NOISE)]
    return (said or [otherwise])[0].split(" [[")[0][:200]
