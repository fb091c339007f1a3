"""A process of a tf.data service notices that it hangs, and ends."""

import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import tensorflow as tf

from components.reachable import past_proxies
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


@pytest.fixture(params=["http_proxy", "https_proxy"])
def a_proxy_to_nowhere(request, monkeypatch):
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("localhost", 0)) as silent:
        monkeypatch.setenv(request.param, f"http://localhost:{silent.getsockname()[1]}")
        yield


def test_a_process_sees_its_neighbour_whatever_the_proxy(a_proxy_to_nowhere):
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        assert answers(f"localhost:{port}", 5.0)
    finally:
        server.stop(None)


@pytest.mark.slow
def test_tensorflows_own_processes_find_each_other_past_a_proxy(a_proxy_to_nowhere):
    service = tf.data.experimental.service
    with past_proxies():
        dispatcher = service.DispatchServer(service.DispatcherConfig(port=0))
        address = dispatcher.target.removeprefix("grpc://")
        worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
        numbers = tf.data.Dataset.range(10)
        fed = numbers.apply(service.distribute("parallel_epochs", dispatcher.target))
        assert sorted(fed.as_numpy_iterator()) == list(range(10))
        worker._stop()
        dispatcher._stop()
