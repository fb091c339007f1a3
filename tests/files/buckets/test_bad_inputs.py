"""What can be wrong with a bucket is one line, which says what to do; a secret is in none."""

import gzip
import logging
import os

import pytest
from gcsfs.core import GCSFileSystem

from failures import Failure
from files import places
from files.buckets import objects
from files.buckets.mirror import Cache, mirror
from tests.bucket_servers import S3_ENVIRONMENT, answering, free_port

SECRET = S3_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"]
PAGE = b"<!DOCTYPE html><html><body>Welcome</body></html>"


def s3_error(status: int, code: str):
    content = f"<Error><Code>{code}</Code><Message>said by the server</Message></Error>".encode()
    return lambda path: (status, content)


def gcs_error(status: int):
    content = b'{"error": {"message": "said by the server"}}'
    return lambda path: (status, content)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(objects, "_LONGEST_WAIT", 0.01)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name, value in S3_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def refusal(address: str, cache) -> str:
    with pytest.raises(Failure) as refused:
        mirror(address, Cache(str(cache)))
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    assert SECRET not in message
    copies = [path for path in cache.rglob("*") if "files" in path.parts and path.is_file()]
    assert copies == []
    return message


@pytest.mark.parametrize("bucket", ["gs"], indirect=True)
def test_an_object_that_the_store_unpacks_is_named(bucket, quick, tmp_path):
    client = GCSFileSystem(token="anon", skip_instance_cache=True)
    packed, encoding = gzip.compress(b"no " * 1000), {"content_encoding": "gzip"}
    client.pipe_file(f"{bucket.name}/photos/1.png", packed, fixed_key_metadata=encoding)
    said = f"{bucket.address}/photos/1.png cannot be read: its Content-Encoding is gzip, so it is"
    assert said in refusal(f"{bucket.address}/photos", tmp_path / "cache")
    with pytest.raises(Failure, match=said):
        places.read(f"{bucket.address}/photos/1.png", "")


@pytest.mark.parametrize("bucket", ["s3", "gs"], indirect=True)
@pytest.mark.parametrize(
    ("keys", "below", "expected"),
    [
        ([], "", "there is nothing at or below this address. Correct it."),
        (["photos of others/1"], "/photos", "there is nothing at or below this address."),
        (["a//b"], "", "the key 'a//b' is not the path of a file. Rename or remove the object."),
        (["photos/../b"], "/photos", "the key 'photos/../b' is not the path of a file."),
        (["photos/\x00"], "/photos", "is not the path of a file. Rename or remove the object."),
    ],
)
def test_keys_that_make_no_folder_are_one_line(bucket, tmp_path, keys, below, expected):
    for key in keys:
        try:
            bucket.put(key, b"content")
        except OSError:
            pytest.skip("this server refuses such a key itself")
    assert expected in refusal(bucket.address + below, tmp_path)


def test_a_name_that_no_disk_takes_is_one_line(bucket, tmp_path):
    bucket.put("x" * 300, b"content")
    assert "cannot be written: File name too long. " in refusal(bucket.address, tmp_path)


def test_an_object_that_is_a_folder_as_well_is_one_line(bucket, tmp_path):
    bucket.put("a", b"object")
    bucket.put("a/b", b"below it")
    with pytest.raises(Failure, match=r"cannot be written: .*rename the object, then run again"):
        mirror(bucket.address, Cache(str(tmp_path)))


def test_a_bucket_that_is_missing_is_one_line(bucket, quick, tmp_path):
    address = f"{bucket.scheme}://there-is-no-such-bucket/photos"
    expected = f"{address} cannot be read: there is no bucket 'there-is-no-such-bucket'."
    assert expected in refusal(address, tmp_path)


def test_a_cache_that_is_no_folder_is_one_line(bucket, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match=r"cannot be written: Not a directory\. Free space there, or"):
        mirror(bucket.address, Cache(str(tmp_path / "file")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "answer", "expected"),
    [
        ("s3", s3_error(403, "AccessDenied"), "access is denied (AccessDenied); correct the buck"),
        ("s3", s3_error(400, "ExpiredToken"), "the credentials are refused (ExpiredToken); set A"),
        ("s3", s3_error(403, "InvalidAccessKeyId"), "the credentials are refused (InvalidAccessK"),
        (
            "s3",
            s3_error(400, "IllegalLocationConstraintException"),
            "in another region; name that one in AWS_REGI",
        ),
        ("s3", s3_error(503, "SlowDown"), "said by the server"),
        ("s3", lambda path: (200, PAGE), "does not answer as S3 does; check AWS_ENDPOINT_URL"),
        ("s3", lambda path: (404, PAGE), "does not answer as S3 does; check AWS_ENDPOINT_URL"),
        ("gs", gcs_error(401), "no valid credentials were found; set GOOGLE_APPLICATION_CRE"),
        ("gs", gcs_error(403), "access is denied; correct the bucket's permissions"),
        ("gs", gcs_error(404), "there is no bucket 'bucket'"),
        ("gs", gcs_error(429), "said by the server, 429"),
        ("gs", lambda path: (200, PAGE), "does not answer as Cloud Storage does; check STORAGE_E"),
    ],
)
def test_what_a_store_answers_is_one_line(scheme, answer, expected, quick, tmp_path, monkeypatch):
    with answering(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        assert expected in refusal(f"{scheme}://bucket/photos", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "environment", "expected"),
    [
        ("s3", {"AWS_ENDPOINT_URL": "http://127.0.0.1:PORT"}, "http://127.0.0.1:PORT cannot be re"),
        ("s3", {"AWS_ENDPOINT_URL": f"http://me:{SECRET}@127.0.0.1:PORT"}, "//127.0.0.1:PORT cann"),
        ("s3", {"AWS_ENDPOINT_URL": "http://no-such-host.invalid"}, "-host.invalid cannot be rea"),
        (
            "s3",
            {"AWS_ENDPOINT_URL": "localhost:9000"},
            "AWS_ENDPOINT_URL is not a URL, as in http:",
        ),
        ("s3", {"AWS_PROFILE": "nobody"}, "there is no AWS profile 'nobody'"),
        ("s3", {"AWS_ACCESS_KEY_ID": None}, "no credentials were found; set AWS_PROFILE, or AWS"),
        ("gs", {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:PORT"}, "1:PORT cannot be reached; ch"),
        ("gs", {"STORAGE_EMULATOR_HOST": "no-such-host.invalid"}, "cannot be reached; check the"),
    ],
)
def test_an_environment_that_leads_nowhere_is_one_line(
    scheme, environment, expected, quick, tmp_path, monkeypatch
):
    port = str(free_port())
    if environment.get("AWS_ACCESS_KEY_ID", "") is None:
        environment = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    for name, value in environment.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value.replace("PORT", port))
    expected = expected.replace("PORT", port)
    assert expected in refusal(f"{scheme}://bucket/photos", tmp_path)


def test_no_log_has_a_secret(bucket, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        bucket.put("a", b"content")
        copy = mirror(bucket.address, Cache(str(tmp_path)))
        copy.close()
    assert SECRET not in caplog.text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    assert os.listdir(tmp_path)
