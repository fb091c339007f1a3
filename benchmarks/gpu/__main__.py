"""What a GPU shows, in less than ten minutes: `python -m benchmarks.gpu --out out/gpu`.

Writes gpu.json after every part, so that a lease that ends early leaves what was measured; the
next call measures what is missing there. Prints a line a part. A part that fails is reported in
the file, and the next one goes on.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.gpu import fed_step
from benchmarks.gpu.parts import FULL, SMALL, parts
from files import writing
from settings.training import Training


def measure(todo: Mapping[str, Callable], file: Path, seconds: float) -> dict:
    """What each part found, also in `file`; no part begins after `seconds`.

    Parts that `file` holds already are not measured again, unless they failed or were skipped.
    """
    began = time.monotonic()
    kept = json.loads(file.read_text()) if file.exists() else {}
    found = {name: part for name, part in kept.items() if not {"error", "skipped"} & set(part)}
    for name, part in todo.items():
        if name in found:
            continue
        if time.monotonic() - began > seconds:
            found[name] = {"skipped": f"the {seconds:.0f} s allowed are over"}
        else:
            try:
                found[name] = part()
            except Exception as error:
                # On a lent machine the other parts count, whatever this one died of.
                found[name] = {"error": f"{type(error).__name__}: {error}"[:2000]}
        print(f"{time.monotonic() - began:5.0f} s  {name}: {_line(found[name])}", flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        writing.write(str(file), json.dumps(found, indent=2) + "\n")
    return found


def _line(found: Mapping) -> str:
    if "ratios" not in found:
        return json.dumps({name: value for name, value in found.items() if name != "plan"})
    return (
        f"{found['real']:,.0f} of {found['ceiling']:,.0f} images/s "
        f"({min(found['ratios']):.3f} to {max(found['ratios']):.3f}), "
        f"input alone {found['input_alone']:,.0f}, "
        f"emulated {found['emulated']['images_per_second']:,.0f}, "
        f"wait p99 {found['wait_ms']['p99']:.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/gpu"))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "steadyfeed")
    parser.add_argument("--seconds", type=float, default=540, help="after which no part begins")
    parser.add_argument("--small", action="store_true", help="to try the program on a CPU")
    given = parser.parse_args()
    fed_step.choose(Training())  # before a part takes a GPU's memory, all of it at once
    todo = parts(SMALL if given.small else FULL, given.data)
    measure(todo, given.out / "gpu.json", given.seconds)
    print(given.out / "gpu.json")


if __name__ == "__main__":
    main()
