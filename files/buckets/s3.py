"""S3 and what speaks its protocol, through s3fs: one request each, and its errors in words."""

import base64
import hashlib
import os
import socket
from collections.abc import Sequence

import aiohttp
import botocore.exceptions
import fsspec
from botocore.parsers import ResponseParserError
from fsspec.exceptions import FSTimeoutError

from files.buckets.errors import BucketError, Exists, Missing
from files.buckets.stored import CONNECTIONS, Page, Stored, host_of

_SINGLE_BYTES = 64 << 20  # A larger object is uploaded in parts.
_DROPPED = (
    aiohttp.ClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.IncompleteReadError,
    ConnectionError,
    FSTimeoutError,
    TimeoutError,
    socket.gaierror,
)
_AGAIN = {
    "BadDigest", "ConditionalRequestConflict", "IncompleteBody", "InternalError",
    "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling",
    "ThrottlingException", "XAmzContentSHA256Mismatch", "500", "502", "503", "504",
}  # fmt: skip
_BAD_CREDENTIALS = {
    "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestTimeTooSkewed",
    "SignatureDoesNotMatch", "TokenRefreshRequired",
}  # fmt: skip
_REGION = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
           "PermanentRedirect", "TemporaryRedirect"}  # fmt: skip
_WAY_TO_CREDENTIALS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"
)


class Store:
    """Requests to S3; credentials, region and endpoint come from AWS's usual places."""

    def __init__(self):
        self._s3 = _file_system()
        # `objects` tries again: s3fs would as well, and take minutes for a busy store.
        self._s3.retries = 1
        self._in_parts = _file_system()  # The parts of a file are tried again by s3fs.

    def page(self, bucket: str, prefix: str, delimiter: str, after: str, most: int) -> Page:
        more = {"ContinuationToken": after} if after else {}
        found = self._s3.call_s3(
            "list_objects_v2",
            Bucket=bucket,
            Prefix=prefix,
            MaxKeys=most,
            **({"Delimiter": delimiter} if delimiter else {}),
            **more,
        )
        if "Name" not in found:
            raise ResponseParserError("an answer that is not a listing")
        objects = [
            Stored(one["Key"], one["Size"], one["ETag"].strip('"'))
            for one in found.get("Contents", [])
        ]
        folders = [one["Prefix"] for one in found.get("CommonPrefixes", [])]
        return Page(objects, folders, found.get("NextContinuationToken", ""))

    def head(self, bucket: str, key: str) -> Stored:
        found = self._s3.call_s3("head_object", Bucket=bucket, Key=key)
        return Stored(key, found["ContentLength"], found["ETag"].strip('"'))

    def read(self, bucket: str, key: str, start: int, end: int) -> bytes:
        return self._s3.cat_file(f"{bucket}/{key}", start=start, end=end)

    def put(self, bucket: str, key: str, data: bytes, only_new: bool) -> None:
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        new = {"IfNoneMatch": "*"} if only_new else {}
        self._s3.call_s3("put_object", Bucket=bucket, Key=key, Body=data, ContentMD5=digest, **new)

    def put_file(self, bucket: str, key: str, path: str) -> None:
        if os.path.getsize(path) <= _SINGLE_BYTES:
            with open(path, "rb") as file:
                self.put(bucket, key, file.read(), only_new=False)
        else:
            self._in_parts.put_file(path, f"{bucket}/{key}", chunksize=_SINGLE_BYTES // 2)

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        self._s3.cp_file(f"{bucket}/{key}", f"{to_bucket}/{to_key}")

    def remove(self, bucket: str, key: str) -> None:
        self._s3.call_s3("delete_object", Bucket=bucket, Key=key)

    def matches(self, bucket: str, stored: Stored, path: str) -> bool:
        """Whether a local file has the object's content, by all that S3 says of it.

        An ETag is the MD5 of the content, or of the MD5s of its parts; with a KMS key it is
        neither, and the size alone counts.
        """
        count = stored.tag.partition("-")[2]
        parts = range(1, int(count) + 1) if count.isdecimal() else ()
        if not parts:
            is_same = _md5(path) == stored.tag
        else:
            sizes = [self._part_bytes(bucket, stored.key, 1)] * len(parts)
            is_same = _md5_of_parts(path, sizes) == stored.tag
        if is_same:
            return True
        found = self._s3.call_s3("head_object", Bucket=bucket, Key=stored.key)
        is_changed = found["ETag"].strip('"') != stored.tag
        if is_changed or os.path.getsize(path) != found["ContentLength"]:
            return False
        if "SSECustomerAlgorithm" in found or "kms" in found.get("ServerSideEncryption", ""):
            return True
        # Most uploads have parts of one size, but S3 does not ask for it.
        sizes = [self._part_bytes(bucket, stored.key, number) for number in parts]
        return _md5_of_parts(path, sizes) == stored.tag

    def _part_bytes(self, bucket: str, key: str, number: int) -> int:
        part = self._s3.call_s3("head_object", Bucket=bucket, Key=key, PartNumber=number)
        return part["ContentLength"]


def _file_system():
    # botocore itself tries once.
    config = {"retries": {"total_max_attempts": 1}, "max_pool_connections": CONNECTIONS}
    return fsspec.filesystem(
        "s3", use_listings_cache=False, skip_instance_cache=True, config_kwargs=config
    )


def is_transient(error: Exception) -> bool:
    return isinstance(error, _DROPPED) or _code(error) in _AGAIN


def explained(error: Exception, bucket: str) -> Exception:
    """The error in words for the user; one that is a defect of this project stays as it is."""
    code = _code(error)
    if code in ("PreconditionFailed", "412"):
        return Exists()
    if code == "NoSuchBucket":
        return Missing(f"there is no bucket {bucket!r}")
    if isinstance(error, FileNotFoundError):
        return Missing("there is no such object")
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        return BucketError(f"there is no AWS profile {error.kwargs['profile']!r}")
    if isinstance(
        error,
        botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError,
    ):
        return BucketError(f"no credentials were found; {_WAY_TO_CREDENTIALS}")
    if code in _BAD_CREDENTIALS:
        return BucketError(f"the credentials are refused ({code}); {_WAY_TO_CREDENTIALS}")
    if code in _REGION:
        return BucketError("the bucket is in another region; name that one in AWS_REGION")
    if isinstance(error, PermissionError):
        return BucketError(f"access is denied ({code or error}); correct the bucket's policy")
    return _explained_connection(error, code)


def _explained_connection(error: Exception, code: str) -> Exception:
    endpoint = host_of(
        getattr(error, "kwargs", {}).get("endpoint_url")
        or os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
        or "S3"
    )
    if isinstance(error, _DROPPED):
        return BucketError(f"{endpoint} cannot be reached; check the network and AWS_ENDPOINT_URL")
    if isinstance(error, ValueError) and "endpoint" in str(error):
        return BucketError("AWS_ENDPOINT_URL is not a URL, as in http://host:9000")
    if isinstance(error, botocore.exceptions.NoRegionError):
        return BucketError("no region was found; name it in AWS_REGION")
    if isinstance(error, botocore.exceptions.ParamValidationError):
        return BucketError("S3 does not allow the bucket's name")
    if isinstance(error, ResponseParserError) or (_is_answer(error) and not code):
        return BucketError(f"{endpoint} does not answer as S3 does; check AWS_ENDPOINT_URL")
    if isinstance(error, OSError) or code:
        return BucketError(" ".join(str(error).split()).rstrip("."))
    return error


def _code(error: Exception) -> str:
    """S3's own code of an error, which s3fs keeps as the cause."""
    for one in (error, error.__cause__):
        if isinstance(one, botocore.exceptions.ClientError):
            return one.response.get("Error", {}).get("Code", "")
    return ""


def _is_answer(error: Exception) -> bool:
    return isinstance(error.__cause__, botocore.exceptions.ClientError)


def _md5(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _new_md5).hexdigest()


def _md5_of_parts(path: str, sizes: Sequence[int]) -> str:
    """The ETag of a file that was uploaded in parts of these bytes; "" where they do not fit."""
    with open(path, "rb") as file:
        digests = b"".join(_new_md5(file.read(size)).digest() for size in sizes)
        if file.read(1):
            return ""
    return f"{_new_md5(digests).hexdigest()}-{len(sizes)}"


def _new_md5(data: bytes = b""):
    return hashlib.md5(data, usedforsecurity=False)
