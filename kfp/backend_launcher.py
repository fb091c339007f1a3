"""Stands in for the open-source launcher: copies inputs, runs the command, copies outputs.

As that of kubeflow/pipelines 2.17 (backend/src/v2/component/launcher_v2.go) it numbers the
log's address by the attempt, and uploads the log of a step that fails. As that of its head without
ML Metadata (#13986, uploadOutputArtifacts) it fails a step that left one of its outputs out, of
which 2.17 only warns.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from failures import Failure
from files.strict_json import text_of
from kfp.backend_driver import Made
from kfp.entrypoint import LOG_OUTPUT
from kfp.image_tag import PROJECT
from kfp.launcher_paths import ROOT_VARIABLE, is_object_store, local_path


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


def launch(container, executor_input, pod, bucket, run_command=run_in_a_process):
    """Runs a step's command; returns what it Made.

    When the command fails, only its log is uploaded.

    Args:
      pod: a folder that does not exist yet, for the root of the pod's file system.
      bucket: the folder that holds minio://bucket/key as the file minio/bucket/key.

    Raises:
      Failure: the command failed, and the message is the last line of its output; or it made no
        file or folder for an output.
    """
    for record in _records(executor_input["inputs"]).values():
        # Anything outside an object store is passed on, not copied.
        if is_object_store(record["uri"]):
            _copy(place_of(record["uri"], bucket), _path(pod, record["uri"]))
    outputs = _records(executor_input["outputs"])
    outputs[LOG_OUTPUT]["uri"] += "-0"  # The first attempt; there is no other here.
    for record in outputs.values():
        _path(pod, record["uri"]).parent.mkdir(parents=True, exist_ok=True)
    log = _path(pod, outputs[LOG_OUTPUT]["uri"])
    given = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    temporary = pod / "tmp"  # A pod's /tmp is its own.
    temporary.mkdir(parents=True, exist_ok=True)
    environment = given | {ROOT_VARIABLE: str(pod), "TMPDIR": str(temporary)}
    code = run_command(_command(container, executor_input), environment, log)
    if code != 0:
        kept = place_of(outputs[LOG_OUTPUT]["uri"], bucket)
        _copy(log, kept)
        raise Failure(f"{_last_line(log) or f'ended with code {code}'} (its log is {kept})")
    file = Path(executor_input["outputs"]["outputFile"])
    written = json.loads(file.read_text()) if file.exists() else {}
    made = written.get("artifacts", {})
    artifacts = {
        name: _collect(name, record, made.get(name, {}).get("artifacts"), pod, bucket)
        for name, record in outputs.items()
    }
    # collectOutputParameters would also look into the output's own file, which no step writes.
    return Made(artifacts, written.get("parameterValues", {}))


def place_of(uri, bucket):
    """Where a folder that stands in for the object stores keeps `uri`."""
    scheme, _, key = uri.partition("://")
    return bucket / scheme / key


def _path(pod, uri):
    return Path(local_path(uri, str(pod)))


def _records(side):
    return {name: value["artifacts"][0] for name, value in side["artifacts"].items()}


def _command(container, executor_input):
    text = text_of(_as_sent(executor_input))
    words = [*container["command"], *container.get("args", [])]
    command = [word.replace("{{$}}", text) for word in words]
    # In the image, `python` is its environment's; here it is this one.
    return [sys.executable if command[0] == "python" else command[0], *command[1:]]


def _as_sent(value, depth=0):
    """As protojson writes it: no point in a whole number, and nothing that is empty at the top."""
    if isinstance(value, dict):
        sent = {key: _as_sent(inner, depth + 1) for key, inner in value.items()}
        return {k: v for k, v in sent.items() if v != {}} if depth == 1 else sent
    if isinstance(value, list):
        return [_as_sent(inner, depth + 1) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _collect(name, record, written, pod, bucket):
    made = written[0] if written else {}
    uri = made.get("uri") or record["uri"]
    if is_object_store(uri):
        if not _path(pod, uri).exists():
            raise Failure(f"its output {name} is missing: it left neither file nor folder")
        _copy(_path(pod, uri), place_of(uri, bucket))
    return {"uri": uri, "metadata": record.get("metadata", {}) | made.get("metadata", {})}


def _last_line(log):
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _copy(source, target):
    """Copies a file, or the files at any depth of a folder; as with a bucket, maybe none."""
    files = [source] if source.is_file() else source.rglob("*")
    for file in files:
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
