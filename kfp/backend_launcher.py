"""Stands in for the open-source launcher: copies inputs, runs the command, copies outputs."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from failures import Failure
from kfp.entrypoint import LOG_OUTPUT
from kfp.image_tag import PROJECT
from kfp.launcher_paths import ROOT_VARIABLE, is_object_store, local_path


@dataclasses.dataclass(frozen=True)
class Pod:
    """The files of one step; its folder stands in for the root of a pod's file system."""

    folder: Path

    @property
    def output_file(self):
        return self.folder / "tmp" / "output_metadata.json"

    def path(self, uri):
        return Path(local_path(uri, str(self.folder)))


def run_in_a_process(command, environment, log):
    """Runs a command as the launcher does; returns its exit code."""
    with open(log, "wb") as file:
        return subprocess.run(
            command,
            cwd=PROJECT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


def launch(container, executor_input, pod, store, run_command=run_in_a_process):
    """Runs a step's command; returns its outputs, {name: record}.

    When the command fails, nothing is uploaded.

    Args:
      pod: a Pod whose folder does not exist yet.

    Raises:
      Failure: the command failed; the message is the last line of its output.
    """
    for record in _records(executor_input["inputs"]).values():
        # Anything outside an object store is passed on, not copied.
        if is_object_store(record["uri"]):
            store.download(record["uri"], pod.path(record["uri"]))
    outputs = _records(executor_input["outputs"])
    for record in outputs.values():
        pod.path(record["uri"]).parent.mkdir(parents=True, exist_ok=True)
    log = pod.path(outputs[LOG_OUTPUT]["uri"])
    given = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    temporary = pod.folder / "tmp"  # A pod's /tmp is its own.
    temporary.mkdir(parents=True, exist_ok=True)
    environment = given | {ROOT_VARIABLE: str(pod.folder), "TMPDIR": str(temporary)}
    code = run_command(_command(container, executor_input), environment, log)
    if code != 0:
        kept = pod.folder.with_suffix(".log")
        shutil.copyfile(log, kept)
        raise Failure(f"{_last_line(log) or f'ended with code {code}'} (its log is {kept})")
    return {name: _collect(name, record, pod, store) for name, record in outputs.items()}


def _records(side):
    return {name: value["artifacts"][0] for name, value in side["artifacts"].items()}


def _command(container, executor_input):
    text = json.dumps(executor_input)
    words = [*container["command"], *container.get("args", [])]
    command = [word.replace("{{$}}", text) for word in words]
    # In the image, `python` is its environment's; here it is this one.
    return [sys.executable if command[0] == "python" else command[0], *command[1:]]


def _collect(name, record, pod, store):
    made = {}
    if pod.output_file.exists():
        written = json.loads(pod.output_file.read_text())
        found = written.get("artifacts", {}).get(name, {}).get("artifacts", [])
        made = found[0] if found else {}
    uri = made.get("uri") or record["uri"]
    if is_object_store(uri):
        store.upload(pod.path(uri), uri)
    return {"uri": uri, "metadata": record.get("metadata", {}) | made.get("metadata", {})}


def _last_line(log):
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


class ObjectStore:
    """Blobs by address: minio://bucket/key is the file <folder>/minio/bucket/key."""

    def __init__(self, folder):
        self._folder = Path(folder)

    def upload(self, source, uri):
        """Copies a file or the files of a folder; returns whether `source` exists."""
        if source.is_file():
            self._copy(source, self.place_of(uri))
            return True
        for path in sorted(source.rglob("*")):
            if path.is_file():
                self._copy(path, self.place_of(uri) / path.relative_to(source))
        return source.is_dir()

    def download(self, uri, target):
        """Copies what is at or below `uri`; as with a bucket, that may be nothing."""
        place = self.place_of(uri)
        if place.is_file():
            self._copy(place, target)
        elif place.is_dir():
            shutil.copytree(place, target, dirs_exist_ok=True)

    def place_of(self, uri):
        scheme, _, key = uri.partition("://")
        return self._folder / scheme / key

    def _copy(self, source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
