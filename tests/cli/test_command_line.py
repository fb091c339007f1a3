"""However a command ends, it ends with its exit code and one line, not with a traceback."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.command_line import main, parser
from failures import Failure
from kfp.compile_package import write_package
from tests.full_disk import full_disk

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "components", "files", "kfp", "pipeline", "report", "settings")
CHECK = ["check", "--config", "configs/digits.yaml"]


def pipeline(*words, **more):
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *words], cwd=ROOT, text=True, check=False, **more
    )


@pytest.mark.slow
def test_a_full_disk_behind_the_output_is_one_line():
    with open("/dev/full", "w") as full:
        done = pipeline(*CHECK, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == (
        "steadyfeed: the output: No space left on device. Fix this and run the command again.\n"
    )


def test_a_closed_output_is_not_a_mistake():
    words = f"{sys.executable} -m pipeline {' '.join(CHECK)} >&-"
    done = subprocess.run(["sh", "-c", words], cwd=ROOT, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_outputs_do_not_stop_what_keeps_libraries_quiet(tmp_path, closed):
    words = ["models", "list", "--destination", str(tmp_path)]
    command = f"{sys.executable} -m pipeline {' '.join(words)} {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    said = b"" if ">&- " in closed else f"{tmp_path} holds no version yet.\n".encode()
    assert (done.returncode, done.stdout) == (0, said)


def test_what_a_terminal_cannot_show_is_escaped():
    done = pipeline(
        *CHECK, "--set", "push.destination=→ü", capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"}, encoding="latin-1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "destination: \\u2192ü\n" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("reads", [True, False])
def test_ctrl_c_at_any_moment_is_130_and_at_most_one_line(tmp_path, reads):
    file = tmp_path / "slow.yaml"
    os.mkfifo(file)  # whoever reads it waits for ever
    words = ["check", "--config", str(file)] if reads else ["--help"]
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "pipeline", *words],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    last = "cli.command_line" if reads else "pydantic"
    for line in process.stderr:
        if line.split("|")[-1].strip() == last:
            break
    if reads:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    reported = [line for line in process.stderr if not line.startswith("import time:")]
    assert process.wait() == 130
    assert reported in ([], ["steadyfeed: interrupted\n"])


@pytest.mark.slow
@pytest.mark.parametrize("file", ["none/results.json", "."])
def test_a_file_for_the_results_that_cannot_be_written_is_reported_before_the_run(tmp_path, file):
    results = tmp_path / file
    words = ["run", "--config", "configs/digits.yaml", "--set", f"root={tmp_path}/root"]
    done = pipeline(*words, "--results", str(results), capture_output=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"--results {results}: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "root").exists()


def test_a_folder_where_the_package_should_go_is_reported_before_compiling(tmp_path):
    (tmp_path / "package.yaml").mkdir()
    words = ["compile", "--config", "configs/digits.yaml", "--output"]
    done = pipeline(*words, str(tmp_path / "package.yaml"), capture_output=True)
    assert done.returncode == 2
    assert done.stderr == (f"--output {tmp_path}/package.yaml: a folder; allowed: a file's name\n")


@pytest.mark.parametrize(
    "words",
    [
        ("batch-predict", "--input", "images", "--model", "model", "--output"),
        ("feed", *CHECK[1:], "--accelerator", "a100", "--output"),
        ("compile", *CHECK[1:], "--output"),
        ("run-package", "package.yaml", "--work"),
    ],
)
def test_an_address_for_what_is_written_to_a_disk_is_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*words, "s3://bucket/out.yaml"]) == 2
    assert capsys.readouterr().err == (
        f"{words[-1]} s3://bucket/out.yaml; allowed: a path of this machine\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_cannot_take_the_package_keeps_the_one_before_and_no_half(tmp_path):
    file = tmp_path / "package.yaml"
    file.write_text("before")
    documents = [{"pipelineInfo": 100_000 * "x"}]
    with full_disk(20_000), pytest.raises(Failure, match="File too large"):
        write_package(documents, file)
    assert [path.name for path in tmp_path.iterdir()] == ["package.yaml"]
    assert file.read_text() == "before"


def test_a_command_that_a_message_names_lacks_nothing(capsys):
    sources = [file.read_text() for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    commands = [
        command
        for source in sources
        if "python -m pipeline" in source
        for text in texts(ast.parse(source))
        for command in re.findall(r"python -m pipeline (\w[^`]*)", text)
    ]
    assert len(commands) > 5
    assert [command for command in commands if not is_whole(command)] == []


def texts(tree):
    """The strings of a program but for its docstrings, with 1 for what is filled in."""
    seen = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            seen.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            seen |= set(node.values)
            yield "".join(part.value if is_text(part) else "1" for part in node.values)
        elif is_text(node) and node not in seen:
            yield node.value


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_whole(command):
    try:
        parser().parse_known_args(command.split())  # Words of the message may stand behind it.
    except SystemExit:
        return False
    return True
