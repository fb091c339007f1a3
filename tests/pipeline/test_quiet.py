"""Library noise goes to the log, from whatever language it comes; the screen stays ours."""

import contextlib
import os
import pty
import subprocess
import sys

import pytest

SCRIPT = """
import logging, os, sys
from pipeline.quiet import chatter_to
with chatter_to(sys.argv[1]) as screen:
    print("from print")
    os.write(2, b"from C\\n")
    logging.getLogger("some.library").info("from logging")
    print("for the user", file=screen, flush=True)
print("after")
print("after, too", file=sys.stderr)
"""


def test_everything_but_the_screen_goes_to_the_log(tmp_path):
    log = tmp_path / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(log)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "for the user\nafter\n"
    assert done.stderr == "after, too\n"
    text = log.read_text()
    for noise in ("from print", "from C", "some.library: from logging"):
        assert noise in text


ON_A_TERMINAL = """
import sys
from pipeline.display import Display
from pipeline.quiet import chatter_to
with chatter_to(sys.argv[1]) as screen, Display(screen) as display:
    print("from a library")
    display.say("for the user")
"""


def test_a_moving_line_on_a_terminal_does_not_bring_the_noise_back(tmp_path):
    log = tmp_path / "run.log"
    terminal, ours = pty.openpty()
    environment = os.environ | {"TERM": "xterm"}
    command = [sys.executable, "-c", ON_A_TERMINAL, str(log)]
    subprocess.run(command, stdout=ours, stderr=ours, env=environment, check=True)
    os.close(ours)
    seen = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert "for the user" in seen
    assert "from a library" not in seen
    assert "from a library" in log.read_text()


THAT_GOES_ON = """
import sys
from pipeline.display import Display
from pipeline.outcome import Outcome
from pipeline.quiet import chatter_to
with chatter_to(sys.argv[1]) as screen, Display(screen) as display:
    display.started("Trainer")
    display.finished(Outcome("Trainer", "ran", 1.0, {}))
    display.say("for nobody")
    display.print_table("what each component did")
    print("went on")
"""


def gone_terminal():
    terminal, ours = pty.openpty()
    os.close(terminal)
    return ours


def pipe_without_a_reader():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full_disk():
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("screen_of", [gone_terminal, pipe_without_a_reader, full_disk])
def test_a_run_goes_on_though_its_lines_cannot_be_written(tmp_path, screen_of):
    log, screen = tmp_path / "run.log", screen_of()
    command = [sys.executable, "-c", THAT_GOES_ON, str(log)]
    with contextlib.closing(os.fdopen(screen, "wb", buffering=0)):
        done = subprocess.run(
            command,
            stdout=screen,
            stderr=subprocess.PIPE,
            env=os.environ | {"TERM": "xterm"},
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert log.read_text() == "went on\n"
