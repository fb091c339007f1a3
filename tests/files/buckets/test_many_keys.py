"""A listing of 50,000 keys takes no more memory than one of 10,000."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.bucket_servers import S3_ENVIRONMENT, answering

PROJECT = Path(__file__).resolve().parents[3]
_PAGE = 1000
_OBJECT = (
    "<Contents><Key>photos/cat/{:08d}.jpg</Key><Size>10</Size><ETag>&quot;{:032x}&quot;</ETag>"
    "<LastModified>2026-11-26T00:00:00.000Z</LastModified></Contents>"
)
_ANSWER = "<ListBucketResult><Name>bucket</Name><KeyCount>{}</KeyCount>{}{}</ListBucketResult>"
_NEXT = "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>"


def listing_of(number: int):
    """What S3 answers of so many objects, a page of 1,000 at a time."""

    def answer(path):
        first = int(parse_qs(urlsplit(path).query).get("continuation-token", ["0"])[0])
        end = min(first + _PAGE, number)
        objects = "".join(_OBJECT.format(one, one) for one in range(first, end))
        more = _NEXT.format(end) if end < number else ""
        return 200, _ANSWER.format(end - first, objects, more).encode()

    return answer


LIST = """
import re, sys
from pathlib import Path
from files.buckets import mirror
from files.buckets.addresses import address_of
from files.buckets.index import Index

with Index(sys.argv[1]) as index:
    mirror._list(address_of("s3://bucket/photos"), "", index)
    print(index.missing(sys.argv[1]), index.bytes_listed())
# Of getrusage, the peak is never below that of the process that started this one.
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
def test_a_listing_of_50_000_keys_takes_no_more_memory_than_one_of_10_000(tmp_path):
    peaks = {}
    for number in (10_000, 50_000):
        with answering(listing_of(number)) as url:
            environment = os.environ | S3_ENVIRONMENT | {"AWS_ENDPOINT_URL": url}
            command = [sys.executable, "-c", LIST, str(tmp_path / str(number))]
            said = subprocess.check_output(command, text=True, env=environment, cwd=PROJECT)
        missing, listed, peaks[number] = map(int, said.split())
        assert (missing, listed) == (number, 10 * number)
    assert peaks[50_000] < 1.1 * peaks[10_000], peaks
