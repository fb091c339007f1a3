"""Google Cloud Storage through gcsfs: one request each, and its errors in words."""

import base64
import hashlib
import logging
import os
from typing import Any

import aiohttp
import google.auth.exceptions
import google_crc32c
import requests
from gcsfs.core import GCSFileSystem
from gcsfs.retry import HttpError

from files.buckets.errors import BucketError, Exists, Missing
from files.buckets.stored import Page, Stored, host_of

_DROPPED = (
    aiohttp.ClientError,
    ConnectionError,
    TimeoutError,
    google.auth.exceptions.TransportError,
    requests.exceptions.RequestException,
)
_AGAIN = {str(code) for code in (408, 409, 429, 500, 502, 503, 504)}
_FIELDS = "items(name,size,md5Hash,crc32c),prefixes,nextPageToken"  # a tenth of all
_READ_BYTES = 4 << 20
_UNPACKED = {"br", "deflate", "gzip", "zstd"}  # by the store or by aiohttp
_EMULATOR = "STORAGE_EMULATOR_HOST"
_WAY_TO_CREDENTIALS = (
    "set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or give the "
    "machine a service account"
)


class _Compressed(Exception):
    """An object of another length and checksum than what arrives of it."""


class _Once(GCSFileSystem):
    # `objects` tries again: gcsfs would for half a minute, with tracebacks in the log.
    _request = GCSFileSystem._request.__wrapped__


class Store:
    """Requests to Cloud Storage; credentials come from Google's usual places."""

    def __init__(self):
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
        # No emulator asks for credentials, and looking for them takes seconds outside Google.
        token = "anon" if os.environ.get(_EMULATOR) else None
        self._gcs = _Once(token=token, use_listings_cache=False, skip_instance_cache=True)

    def page(self, bucket: str, prefix: str, delimiter: str, after: str, most: int) -> Page:
        asked = {"prefix": prefix, "delimiter": delimiter, "pageToken": after}
        given = {name: value for name, value in asked.items() if value}
        found = self._gcs.call(
            "GET", "b/{}/o", bucket, maxResults=most, fields=_FIELDS, **given, json_out=True
        )
        objects = [_stored(one) for one in found.get("items", [])]
        return Page(objects, list(found.get("prefixes", [])), found.get("nextPageToken", ""))

    def head(self, bucket: str, key: str) -> Stored:
        return _stored(self._gcs.call("GET", "b/{}/o/{}", bucket, key, json_out=True))

    def read(self, bucket: str, key: str, start: int, end: int) -> bytes:
        span = {"Range": f"bytes={start}-{end - 1}"}
        try:
            _, data = self._gcs.call("GET", "b/{}/o/{}", bucket, key, headers=span, alt="media")
        except aiohttp.ClientPayloadError:
            self._check_not_unpacked(bucket, key)
            raise
        if len(data) != end - start:
            self._check_not_unpacked(bucket, key)
        return data

    def _check_not_unpacked(self, bucket: str, key: str) -> None:
        found = self._gcs.call("GET", "b/{}/o/{}", bucket, key, json_out=True)
        if found.get("contentEncoding") in _UNPACKED:
            raise _Compressed(found["contentEncoding"])

    def put(self, bucket: str, key: str, data: bytes, only_new: bool) -> None:
        mode = "create" if only_new else "overwrite"
        self._gcs.pipe_file(f"{bucket}/{key}", data, mode=mode)

    def put_file(self, bucket: str, key: str, path: str) -> None:
        self._gcs.put_file(path, f"{bucket}/{key}")

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        self._gcs.cp_file(f"{bucket}/{key}", f"{to_bucket}/{to_key}")

    def remove(self, bucket: str, key: str) -> None:
        self._gcs.call("DELETE", "b/{}/o/{}", bucket, key)

    def matches(self, bucket: str, stored: Stored, path: str) -> bool:
        """Whether a local file has the object's content, by the object's checksum."""
        kind, _, expected = stored.tag.partition(":")
        with open(path, "rb") as file:
            if kind == "md5":
                made = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            else:
                made = google_crc32c.Checksum()
                while block := file.read(_READ_BYTES):
                    made.update(block)
        return base64.b64encode(made.digest()).decode() == expected


def is_transient(error: Exception) -> bool:
    if isinstance(error, HttpError):
        return str(error.code) in _AGAIN
    return isinstance(error, _DROPPED) and not isinstance(error, aiohttp.InvalidURL)


def explained(error: Exception, bucket: str) -> Exception:
    """The error in words for the user; one that is a defect of this project stays as it is."""
    endpoint = host_of(os.environ.get(_EMULATOR) or "Cloud Storage")
    if isinstance(error, FileExistsError):
        return Exists()
    if isinstance(error, FileNotFoundError):
        return Missing("there is no such object")
    if isinstance(error, _Compressed):
        return BucketError(
            f"its Content-Encoding is {error}, so it is unpacked on its way and cannot be checked; "
            "upload it without that, or run `gcloud storage objects update "
            "--clear-content-encoding` on it"
        )
    if isinstance(error, aiohttp.InvalidURL):
        return BucketError(f"{_EMULATOR} is not a URL, as in http://host:4443")
    code = str(error.code) if isinstance(error, HttpError) else ""
    if code == "401" or isinstance(error, google.auth.exceptions.GoogleAuthError):
        return BucketError(f"no valid credentials were found; {_WAY_TO_CREDENTIALS}")
    if code == "403" or (isinstance(error, OSError) and str(error).startswith("Forbidden")):
        return BucketError("access is denied; correct the bucket's permissions")
    if isinstance(error, _DROPPED):
        return BucketError(f"{endpoint} cannot be reached; check the network and {_EMULATOR}")
    if isinstance(error, ValueError):  # broken JSON, among others
        return BucketError(f"{endpoint} does not answer as Cloud Storage does; check {_EMULATOR}")
    if isinstance(error, HttpError | OSError):
        return BucketError(" ".join(str(error).split()).rstrip("."))
    return error


def _stored(found: dict[str, Any]) -> Stored:
    # A composed object has no MD5.
    tag = f"md5:{found['md5Hash']}" if found.get("md5Hash") else f"crc32c:{found['crc32c']}"
    return Stored(found["name"], int(found["size"]), tag)
