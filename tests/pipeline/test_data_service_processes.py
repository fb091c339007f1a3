"""A process of a tf.data service notices that it hangs, and ends."""

import socket

import pytest

from failures import Failure
from pipeline.data_service import answers, serve_dispatcher


def test_a_dispatcher_that_no_longer_answers_ends_for_whoever_starts_it_again(
    tmp_path, monkeypatch
):
    answered, said = iter([True, True, False]), []
    monkeypatch.setattr("pipeline.data_service.answers", lambda *_: next(answered))
    monkeypatch.setattr("pipeline.data_service.signal.signal", lambda *_: None)
    monkeypatch.setattr("pipeline.data_service._ASK_EVERY", 0)
    with pytest.raises(Failure, match=r"^data-service dispatcher: it does not answer at .*:\d+ wi"):
        serve_dispatcher(0, str(tmp_path / "state"), said.append)
    [line] = said
    assert line.startswith("dispatcher at grpc://")


@pytest.mark.slow
def test_a_process_that_takes_connections_and_says_nothing_does_not_answer():
    with socket.create_server(("localhost", 0)) as silent:
        assert not answers(f"localhost:{silent.getsockname()[1]}", 0.5)
