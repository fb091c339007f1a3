"""The cause in an error of a TensorFlow graph, of whose message it is one line of many."""

import re

import tensorflow as tf

# Where the message tells of the graph and of Python's calls.
_NOISE = ("Detected at", "Graph execution", "File ", "<", "[[", "Error executing")
# The names of nodes and iterators, which would fill the line before its cause.
_NAMES = re.compile(
    r"\{\{[^}]*\}\} |Error in [^:]*:\d+ \w+ with iterator: \S+: | \[Op:.*"
    r"|StringToNumberOp could not correctly convert string: "  # so `decode_mask` tells in a graph
)


def cause(error: tf.errors.OpError, otherwise: str) -> str:
    """The first line that says something, at most 200 characters without the nodes' names.

    Args:
      error: TensorFlow's.
      otherwise: where no line does.
    """
    lines = (line.strip() for line in _NAMES.sub("", error.message).splitlines())
    told = [line for line in lines if line and not line.startswith(_NOISE)]
    return (told or [otherwise])[0].split(" [[")[0][:200]
