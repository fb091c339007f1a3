"""One temporary folder for a whole run, so that nothing is left in the system's own.

TFDS, Beam, TFX and TensorFlow make temporary folders and do not always remove them. They
all ask Python's `tempfile` or the variable TMPDIR, and so do the processes that they start.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def temporary_folder(folder):
    """Makes `folder` the place of this process's temporary files; removes it at the end.

    Args:
      folder: nobody else may use it. What a killed run left in it is removed first.
    """
    folder = Path(folder).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        variable, tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)
