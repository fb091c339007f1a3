"""What programs that work in a process of their own begin and end with."""

import os
import sys
from typing import NoReturn

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def leave(code: int) -> NoReturn:
    """Ends the process once everything is written.

    Destructors of native libraries have crashed at the end of processes, which would turn what is
    finished into a failure.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
