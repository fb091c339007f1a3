"""What is wrong with an address, a time or a folder of `data-service` is one line."""

import pytest

from cli.command_line import main
from failures import Failure
from pipeline.data_service import serve_dispatcher


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        (["worker", "--dispatcher", "somewhere"], "given 'somewhere'; allowed: host:port"),
        (["worker", "--dispatcher", "grpc://here:1"], "given 'grpc://here:1'; allowed: host:port"),
        (["check", "here:"], "given 'here:'; allowed: host:port"),
        (["check", "here:1", "--seconds", "inf"], "given 'inf'; allowed: a number above 0"),
        (["check", "here:1", "--seconds", "soon"], "given 'soon'; allowed: a number above 0"),
        (["dispatcher", "--port", "70000", "--work-dir", "x"], "given '70000'; allowed: 0 to 655"),
    ],
)
def test_a_mistake_in_the_command_says_what_is_allowed(words, mistake, capsys):
    with pytest.raises(SystemExit) as end:
        main(["data-service", *words])
    assert end.value.code == 2
    assert mistake in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("dispatcher", ["localhost:99999", "a..b:5050"])
def test_a_dispatcher_that_no_host_can_be_is_one_line(dispatcher, capfd):
    assert main(["data-service", "worker", "--dispatcher", dispatcher]) == 1
    said = capfd.readouterr().err
    assert said.startswith(
        f"steadyfeed: data-service worker: no dispatcher answers at {dispatcher}"
    )
    assert said.count("\n") == 1


def test_a_folder_that_cannot_hold_the_dispatchers_state_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"/file cannot be written: File exists") as refused:
        serve_dispatcher(0, str(tmp_path / "file"), print)
    assert "\n" not in str(refused.value)
