"""Addresses of buckets: s3://bucket/key and gs://bucket/key; needs nothing but Python."""

import os
from typing import NamedTuple

SCHEMES = ("s3", "gs")


class Address(NamedTuple):
    """The parts of an address; `key` is "" for a whole bucket."""

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")

    @property
    def prefix(self) -> str:
        """What the keys of all that lies below the address begin with."""
        return f"{self.key.rstrip('/')}/" if self.key else ""

    def below(self, path: str) -> "Address":
        """The address of a path relative to this one."""
        return self._replace(key=self.prefix + path)


def is_bucket(path) -> bool:
    """Whether a path is an address in a bucket."""
    return str(path).partition("://")[0] in SCHEMES and "://" in str(path)


def address_of(path) -> Address:
    """The parts of such an address, without a slash at its end."""
    scheme, _, rest = str(path).partition("://")
    bucket, _, key = rest.partition("/")
    return Address(scheme, bucket, key.rstrip("/"))


def normal(path: str) -> str:
    """The path or address without `..` and doubled slashes; a bucket is its own parent."""
    if not is_bucket(path):
        return os.path.normpath(path)
    address = address_of(path)
    return str(address._replace(key=os.path.normpath(f"/{address.key}").strip("/")))
