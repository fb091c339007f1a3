"""Does the engine change what comes out, and does a run survive a killed worker?

    .venv/bin/python -m benchmarks.engines [--engines processes portable prism flink]

Runs digits in this process first. Then ExampleGen, StatisticsGen, Transform and Evaluator run on
each engine with that run's inputs: counts, statistics, vocabulary, transform graph, transformed
records and the Evaluator's counts must be those of the first run. Then a worker process is killed
in the middle of StatisticsGen, and of Transform: they must complete with the same results, or
end in one clear line. Prints each against its bar; 1 where one is missed.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.engines import results
from benchmarks.engines.places import ENGINES, NotHere, Place
from benchmarks.engines.steps import NAMES, Steps
from failures import Failure
from pipeline.temporary_folder import temporary_folder

_KILLED_IN = {
    "StatisticsGen": "statistics/shards",
    "Transform": "transform_graph/unfinished/reports/shards",
}
_TRIES = 3  # to kill a worker before it is done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    chosen = parser.parse_args().engines
    missed = False
    with (
        tempfile.TemporaryDirectory(prefix="engines-") as name,
        temporary_folder(Path(name, "tmp")),
    ):
        root = Path(name)
        steps, expected = _in_this_process(root)
        for engine in chosen:
            folder = root / engine
            folder.mkdir()
            try:
                with ENGINES[engine](folder) as place:
                    missed |= _compare(engine, steps, place, folder, expected)
                    for component in _KILLED_IN:
                        missed |= _kill(engine, steps, place, folder, component, expected)
            except NotHere as error:
                print(f"{engine:<10} not here: {error}", flush=True)
            except RuntimeError as error:
                missed = True
                print(f"{engine:<10} missed: {error}", flush=True)
    return 1 if missed else 0


def _in_this_process(root: Path):
    """Runs digits once; returns its steps, and what each made."""
    from settings.reading import load

    sets = [f"root={root / 'direct'}", f"push.destination={root / 'pushed'}", "serving.check=false"]
    sets += [f"data.data_dir={root / 'datasets'}"]
    words = [word for given in sets for word in ("--set", given)]
    command = [sys.executable, "-m", "pipeline", "run", "--config", "configs/digits.yaml", *words]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"{'direct':<10} the whole run, {time.perf_counter() - began:.0f} s", flush=True)
    steps = Steps(load("configs/digits.yaml", sets))
    from settings.beam import Beam

    expected, seconds = {}, {}
    for name in NAMES:
        seconds[name] = steps.run(name, Beam.of(), root / "again" / name)
        expected[name] = results.of(name, root / "again" / name)
    print(_row("direct", seconds, "what is expected"), flush=True)
    return steps, expected


def _compare(engine: str, steps: Steps, place: Place, folder: Path, expected) -> bool:
    """Whether a result differs from what is expected."""
    seconds, found = {}, []
    for name in NAMES:
        try:
            seconds[name] = steps.run(name, place.beam, folder / name)
        except Failure as failure:
            print(f"{engine:<10} {name} failed: {failure}: missed", flush=True)
            return True
        found += results.differences(expected[name], results.of(name, folder / name))
        shutil.rmtree(folder / name)
    verdict = f"missed: other {', '.join(found)}" if found else "the same; reached"
    print(_row(engine, seconds, verdict), flush=True)
    return bool(found)


def _row(engine: str, seconds: dict[str, float], verdict: str) -> str:
    times = " / ".join(f"{seconds[name]:.0f}" for name in NAMES)
    return f"{engine:<10} {times} s: {verdict}"


def _kill(engine: str, steps: Steps, place: Place, folder: Path, component: str, expected) -> bool:
    """Whether a component does not survive a kill, and does not say so in one line either."""
    for attempt in range(_TRIES):
        into = folder / f"{component}-{attempt}"
        killed, over = [], threading.Event()
        reports = into / _KILLED_IN[component]
        watch = threading.Thread(target=_kill_one, args=(place, reports, over, killed))
        watch.start()
        try:
            seconds = steps.run(component, place.beam, into)
            other = results.differences(expected[component], results.of(component, into))
            how = f"{seconds:.0f} s: {f'other {other}' if other else 'the same results'}"
            missed = bool(other)
        except Failure as failure:
            missed, how = "\n" in str(failure), f"one line: {failure}"
        except Exception as error:
            missed, how = True, f"{type(error).__name__}: {error}"
        finally:
            over.set()
            watch.join()
        if killed:
            verdict = "missed" if missed else "reached"
            words = f"{component}, worker killed after {killed[0]} reports"
            print(f"{engine:<10} {words}, {how}; {verdict}", flush=True)
            return missed
    print(f"{engine:<10} {component}: done before a worker could be killed; missed", flush=True)
    return True


def _kill_one(place: Place, reports: Path, over: threading.Event, killed: list[int]) -> None:
    """Kills a worker once there is a report of a shard."""
    while not over.is_set():
        found = os.listdir(reports) if reports.is_dir() else []
        if found and (workers := place.workers()):
            os.kill(workers[0], signal.SIGKILL)
            killed.append(len(found))
            return
        time.sleep(0.001)


if __name__ == "__main__":
    raise SystemExit(main())
