"""Whether what ServingCheck will need is there, asked before a run: it is nearly its last step."""

import importlib.util

from failures import Failure
from settings.serving import Serving


def check(serving: Serving) -> None:
    """Raises a Failure where a package that `serving.export` needs is not installed here."""
    missing = [name for name in serving.packages if importlib.util.find_spec(name) is None]
    if missing:
        raise Failure(
            f"serving.export: onnx needs {' and '.join(missing)}, not installed here. Run "
            "`make setup`, or leave the format out."
        )
