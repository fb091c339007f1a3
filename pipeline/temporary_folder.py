"""One temporary folder for a whole run, so that nothing is left in the system's own.

TFDS, Beam, TFX and TensorFlow make temporary folders and do not always remove them. They
all ask Python's `tempfile` or the variable TMPDIR, and so do the processes that they start.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

# A socket's path has 107 bytes at most, and Python's own put 32 behind the temporary folder.
_LONGEST = 75
_PREFIX = "steadyfeed-"


@contextlib.contextmanager
def temporary_folder(folder):
    """Makes `folder` the place of this process's temporary files; removes it at the end.

    Args:
      folder: no other process may use it. What a killed run left in it is removed first, where
        that can be.
    """
    folder = Path(folder).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    _forget_short_name(folder)
    folder.mkdir(parents=True, exist_ok=True)  # A file that is open on NFS cannot be removed.
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    short = _short_name(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = str(short)
    try:
        yield
    finally:
        _forget_short_name(folder)
        variable, tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


def _short_name(folder):
    """The folder, or a link to it in the system's temporary folder where its path is too long."""
    if len(os.fsencode(folder)) <= _LONGEST:
        return folder
    with contextlib.suppress(OSError):  # The system has no such folder; few need the sockets.
        made = Path(tempfile.mkdtemp(prefix=_PREFIX))
        (made / "tmp").symlink_to(folder)
        _record_of(folder).symlink_to(made)
        return made / "tmp"
    return folder


def _forget_short_name(folder):
    """Removes what `_short_name` made, in this process or in one that was killed."""
    record = _record_of(folder)
    if record.is_symlink():
        made = record.readlink()
        if made.name.startswith(_PREFIX):
            shutil.rmtree(made, ignore_errors=True)
        with contextlib.suppress(OSError):
            record.unlink()


def _record_of(folder):
    """A link beside the folder: after a kill, nothing else knows the short name."""
    return folder.with_name(f"{folder.name}.short")
