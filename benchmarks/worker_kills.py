"""kill -9 of one of several workers at random moments: does the training complete?

    .venv/bin/python -m benchmarks.worker_kills [--workers 2] [--kills 20] [--seed 0]

One run of digits with `training.workers`. A random worker is killed at a random moment within the
first seconds after all were started or started again; after the last kill they are left alone. The
run must end with code 0 and a model that is as good as one process makes it. Prints "20 of 20".
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_LONGEST = 25.0  # seconds after a start within which a kill falls; its imports take the most
_EPOCHS_A_KILL = 10  # twice what two cores train between twenty kills: it is not over before
_ACCURACY = 0.97  # the bar of configs/digits.yaml


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="worker-kills-") as name:
        root = Path(name)
        words = [sys.executable, "-m", "pipeline", "run", *_words(root, arguments)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as run:
            try:
                kills = range(arguments.kills)
                done = sum(_kill_one(run, arguments.workers, chance, number) for number in kills)
                printed, _ = run.communicate()
            finally:
                run.terminate()  # It ends its workers.
        accuracy = re.search(r"validation accuracy ([\d.]+)", printed)
        completes = run.returncode == 0 and accuracy and float(accuracy[1]) >= _ACCURACY
        print(f"{done} of {arguments.kills} kills, {'completes' if completes else printed}")
        print(f"accuracy {accuracy and accuracy[1]}, resumed at step {_resumed_at(root)}")
    return 0 if completes and done == arguments.kills else 1


def _words(root: Path, arguments) -> list[str]:
    sets = {
        "root": root / "root",
        "push.destination": root / "pushed",
        "training.workers": arguments.workers,
        "training.worker_restarts": arguments.kills,
        "training.epochs": _EPOCHS_A_KILL * arguments.kills,
        "training.checkpoint_every_steps": 10,
        "serving.check": "false",
    }
    words = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
    return ["--config", "configs/digits.yaml", *words]


def _kill_one(run: subprocess.Popen, workers: int, chance: random.Random, number: int) -> bool:
    """Whether a worker was there to be killed, before the run was over."""
    while run.poll() is None:
        there = _workers_of(run.pid)
        if len(there) == workers:
            after = chance.uniform(0, _LONGEST)
            time.sleep(after)
            victim = chance.choice(there)
            if _workers_of(run.pid) != there:
                continue  # The training is over, or another one was started.
            subprocess.run(["kill", "-9", str(victim)], check=False)
            print(f"kill {number + 1}: {after:.1f} s after the start", flush=True)
            while run.poll() is None and set(there) & set(_workers_of(run.pid)):
                time.sleep(0.1)
            return True
        time.sleep(0.1)
    return False


def _workers_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                if b"pipeline.worker" in command:
                    found.append(int(child))
        except OSError:
            continue  # It has ended meanwhile.
    return sorted(found)


def _resumed_at(root: Path) -> int | None:
    histories = sorted(root.glob("root/Trainer/model_run/*/history.json"))
    return json.loads(histories[-1].read_text())["resumed_at_step"] if histories else None


if __name__ == "__main__":
    raise SystemExit(main())
