"""For every test: what a process of the project begins with."""

import components  # noqa: F401  before TensorFlow, whose Keras would import OpenCV
