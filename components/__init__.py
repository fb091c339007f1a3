"""The components of the pipeline, one folder each."""

import sys

# Keras imports OpenCV wherever it is installed, and OpenCV puts folders of its own into
# LD_LIBRARY_PATH, for every program that is started from here. Keras does as well without;
# `trainer.input_jpeg` takes it where it decodes.
sys.modules.setdefault("cv2", None)
