"""Tokens, certificates and addresses that are wrong, and answers of somebody else."""

import http.server
import ssl
import subprocess
import threading

import pytest

from failures import Failure
from kfp.apply_schedule import apply
from kfp.recurring_runs import change
from kfp.submit_connection import connect
from kfp.submit_run import submit
from settings.kubeflow import Kubeflow
from settings.schedule import Schedule
from tests.kubeflow.pipelines_server import Refused

SECRET = "s3cret"


def told_by(call):
    """The one line of a Failure, which shows no secret."""
    with pytest.raises(Failure) as failure:
        call()
    assert SECRET not in str(failure.value)
    assert "\n" not in str(failure.value)
    return str(failure.value)


@pytest.mark.parametrize("token", [f"{SECRET}\n{SECRET}", f"{SECRET}é→"])
def test_a_token_that_no_header_takes_is_named_and_not_shown(
    server, endpoint, environment, monkeypatch, token, tmp_path
):
    environment(KFP_EXISTING_TOKEN=token)
    assert "KFP_EXISTING_TOKEN holds no token" in told_by(lambda: connect(endpoint))
    monkeypatch.delenv("KFP_EXISTING_TOKEN")
    file = tmp_path / "token"
    file.write_text(token)
    in_a_file = Kubeflow(endpoint=server.url, token_file=str(file))
    assert f"{file} holds no token" in told_by(lambda: connect(in_a_file))
    assert server.requests == []


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00"])
def test_a_file_without_a_token_is_reported(server, content, tmp_path):
    file = tmp_path / "token"
    file.write_bytes(content)
    endpoint = Kubeflow(endpoint=server.url, token_file=str(file))
    assert f"{file} holds no token" in told_by(lambda: connect(endpoint))


def test_a_token_file_that_goes_away_between_calls_is_reported(server, tmp_path):
    file = tmp_path / "token"
    file.write_text("token")
    endpoint = Kubeflow(endpoint=server.url, token_file=str(file))
    connected = connect(endpoint)
    file.unlink()
    health = connected.client.healthzs.healthz_service_get_healthz
    assert f"{file}: No such file" in told_by(lambda: connected.call(health))


def test_a_password_in_the_environments_address_is_refused_and_not_shown(environment):
    environment(KF_PIPELINES_ENDPOINT=f"https://ann:{SECRET}@127.0.0.1:1")
    reported = told_by(lambda: connect(Kubeflow()))
    assert reported.startswith("KF_PIPELINES_ENDPOINT: the address contains a password")


@pytest.fixture
def behind_tls(tmp_path):
    """(URL of a server whose certificate nobody knows, that certificate)."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out",
         str(certificate), "-days", "1", "-subj", "/CN=test", "-addext",
         "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    tls = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    tls.socket = context.wrap_socket(tls.socket, server_side=True)
    threading.Thread(target=tls.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://127.0.0.1:{tls.server_port}"
    tls.shutdown()
    tls.server_close()


def test_a_certificate_that_is_not_trusted_says_why(behind_tls):
    reported = told_by(lambda: connect(Kubeflow(endpoint=behind_tls)))
    assert "certificate verify failed" in reported
    assert "Set kubeflow.ca_file" in reported


def test_certificates_that_cannot_be_read_are_named(behind_tls, tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    for file in (tmp_path / "none.pem", tmp_path, junk):
        endpoint = Kubeflow(endpoint=behind_tls, ca_file=str(file))
        assert f"kubeflow.ca_file: {file}" in told_by(lambda e=endpoint: connect(e))


@pytest.mark.parametrize("status", [404, 409])
@pytest.mark.parametrize("number", range(2, 10))
def test_what_is_gone_or_there_already_at_any_call_is_one_line(
    server, endpoint, package, status, number
):
    refusal = Refused(status, "no such thing")

    def refuse(count):
        if count >= number:
            raise refusal

    server.before = refuse
    reported = told_by(lambda: submit(package, endpoint))
    assert "no such thing" in reported
    assert server.url in reported


@pytest.mark.parametrize("action", ["list", "delete", "pause"])
def test_a_login_page_is_not_a_server_without_schedules(server, endpoint, package, action):
    apply(package, endpoint, Schedule(cron="0 3 * * *"))
    server.answer = lambda *_: b"<html>Log in</html>"
    reported = told_by(lambda: change(action, "digits", endpoint))
    assert "not as Kubeflow Pipelines does" in reported
    assert len(server.recurring_runs) == 1


@pytest.mark.parametrize("action", ["delete", "pause"])
def test_a_proxy_without_a_route_does_not_say_that_a_schedule_is_gone(
    server, endpoint, package, action
):
    apply(package, endpoint, Schedule(cron="0 3 * * *"))

    def lose(number):
        if server.requests[-1][1].startswith("/recurringruns/"):
            raise Refused(404, b"404 page not found")

    server.before = lose
    assert "not as Kubeflow" in told_by(lambda: change(action, "digits", endpoint))
