"""kill -9 during each component in turn, then the same command: does it complete?

    .venv/bin/python -m benchmarks.kills [--rounds 2] [--seed 0]

Each case has a fresh root: a run of digits is killed at a random moment within
one component, a second run must finish with code 0, and what it leaves is
examined: no execution that still counts as running, one pushed version that
loads, and no folder of an execution that did not finish. Prints "22 of 22".
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMPONENTS = [
    "TfdsExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "ValidationGate",
    "Transform",
    "Trainer",
    "ChampionResolver",
    "Evaluator",
    "ServingCheck",
    "Pusher",
]

# Seconds that a component surely takes, within which it is killed.
_LONGEST = {"Transform": 0.4, "Trainer": 3.0, "Evaluator": 0.4, "ServingCheck": 0.8}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    cases = [component for _ in range(arguments.rounds) for component in COMPONENTS]
    survived = 0
    for component in cases:
        faults = kill_and_run_again(component, chance)
        survived += not faults
        print(f"{component:18} {'; '.join(faults) or 'completes'}", flush=True)
    print(f"{survived} of {len(cases)}")
    return 0 if survived == len(cases) else 1


def kill_and_run_again(component, chance):
    """The faults found after a kill within `component` and a second run; none: []."""
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "pipeline", *words(folder, "run")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        killed = kill_within(component, subprocess.Popen(command, **quiet), folder, chance)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return [f"the second run failed: {(done.stdout + done.stderr).strip()[-300:]}"]
        missed = [] if killed else ["the run was over before the kill"]
        return missed + find_faults(folder)


def words(folder, *verb):
    """The words after `python -m pipeline` for digits that writes below `folder` alone."""
    given = [*verb, "--config", "configs/digits.yaml"]
    for key in ("root", "push.destination", "data.data_dir"):
        given += ["--set", f"{key}={folder / key}"]
    return given


def kill_within(component, process, folder, chance):
    """Kills a run below `folder` within `component`; whether it still ran by then."""
    while process.poll() is None and not _has_started(component, folder):
        time.sleep(0.005)
    time.sleep(chance.uniform(0, _LONGEST.get(component, 0.02)))
    running = process.poll() is None
    process.kill()
    process.wait()
    return running


def _has_started(component, folder):
    logs = (folder / "root" / "logs").glob("*.log")
    return any(f" {component} started" in log.read_text(errors="replace") for log in logs)


def find_faults(folder):
    """What a finished root must not show; in words."""
    from ml_metadata.proto import metadata_store_pb2

    from pipeline.metadata_store import open_store

    executions = {e.id: e for e in open_store(folder / "root").get_executions()}
    states = metadata_store_pb2.Execution
    faults = [
        f"execution {e.id} still counts as running"
        for e in executions.values()
        if e.last_known_state in (states.NEW, states.RUNNING)
    ]
    for output in (folder / "root").glob("*/*/*"):
        if output.name.isdigit() and output.parent.parent.name in COMPONENTS:
            execution = executions.get(int(output.name))
            if execution is None or execution.last_known_state != states.COMPLETE:
                faults.append(f"{output.relative_to(folder)} is of no finished execution")
    destination = folder / "push.destination"
    pushed = sorted(p.name for p in destination.iterdir() if p.name != ".steadyfeed.lock")
    if pushed != ["1"]:
        faults.append(f"pushed versions are {pushed}, not one")
    elif not (destination / "1" / "saved_model.pb").exists():
        faults.append("the pushed model is not whole")
    return faults


if __name__ == "__main__":
    sys.exit(main())
