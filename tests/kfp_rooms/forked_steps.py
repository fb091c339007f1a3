"""Runs steps in processes that begin with the libraries imported, and nothing of this project.

    python forked_steps.py

Forks a process for each line of standard input, {"words", "environment", "log"} in JSON, which
does what `python -m kfp.entrypoint WORDS` does; answers with a line that holds its exit code.
"""

import importlib
import json
import os
import runpy
import sys
import tempfile

LIBRARIES = (
    "tensorflow",
    "apache_beam",
    "tensorflow_model_analysis",
    "tensorflow_data_validation",
    "tensorflow_transform",
    "tfx.orchestration.portable.outputs_utils",
)


def main():
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        step = json.loads(line)
        child = os.fork()
        if not child:
            _run(**step)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(words, environment, log):
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # read TMPDIR anew
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv[1:] = words
    try:
        runpy.run_module("kfp.entrypoint", run_name="__main__", alter_sys=True)
    finally:
        os._exit(1)  # The entrypoint ends the process itself.


if __name__ == "__main__":
    main()
