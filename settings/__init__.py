"""The one schema of a configuration: typed sections, ranges, defaults; imports no TensorFlow."""
