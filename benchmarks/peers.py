"""What others would be run for the same work, in their fastest settings, as scripts of one process each."""

from __future__ import annotations

import sys
from pathlib import Path

_PYTHON = sys.executable

_SIEGFRIED = """
import sys, os, pygfried
paths = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names]
for start in range(0, len(paths), 512):
    pygfried.identify_many(paths[start:start + 512], workers=int(sys.argv[2]))
"""

_IDENTIFY = """
import sys, os
from pathlib import Path
from preservation.identification.identify import Identifier
paths = [Path(folder) / name for folder, _, names in os.walk(sys.argv[1]) for name in names]
identifier = Identifier(second_opinion=sys.argv[2] == "yes")
for start in range(0, len(paths), 512):
    identifier.identify_batch(paths[start:start + 512])
"""

_HASHLIB = """
import sys, os, hashlib
from concurrent.futures import ThreadPoolExecutor
def digest(path):
    found = hashlib.sha256()
    buffer = memoryview(bytearray(1 << 20))
    with open(path, "rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            found.update(buffer[:count])
    return found.hexdigest()
paths = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names]
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    print(len(list(pool.map(digest, paths))))
"""

_GET = """
import sys, boto3, hashlib
from botocore.config import Config
from concurrent.futures import ThreadPoolExecutor
bucket, prefix, url, threads = sys.argv[1:5]
client = boto3.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}))
pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
def digest(key):
    found = hashlib.sha256()
    body = client.get_object(Bucket=bucket, Key=key)["Body"]
    while chunk := body.read(1 << 20):
        found.update(chunk)
    return found.hexdigest()
with ThreadPoolExecutor(int(threads)) as pool:
    print(len(list(pool.map(digest, keys))))
"""


def siegfried(folder: Path, workers: int) -> list[str]:
    """Siegfried in process, as we run it, with nothing around it."""
    return [_PYTHON, "-c", _SIEGFRIED, str(folder), str(workers)]


def identify(folder: Path, *, second_opinion: bool) -> list[str]:
    """Our identifier on the same files."""
    return [_PYTHON, "-c", _IDENTIFY, str(folder), "yes" if second_opinion else "no"]


def bagit_make(folder: Path, processes: int) -> list[str]:
    """``bagit.py`` makes a bag of the folder where it stands."""
    return [_PYTHON, "-m", "bagit", "--sha256", "--processes", str(processes), "--quiet", str(folder)]


def bagit_validate(folder: Path, processes: int) -> list[str]:
    """``bagit.py`` validates a bag."""
    return [_PYTHON, "-m", "bagit", "--validate", "--processes", str(processes), "--quiet", str(folder)]


def openssl(folder: Path, processes: int) -> list[str]:
    """Read every file and make its digest in C, with nothing around it, and compare nothing."""
    digest = f"xargs -0 -n 500 -P {processes} openssl dgst -sha256 -r"
    return ["sh", "-c", f'find "$0" -type f -print0 | {digest} > /dev/null', str(folder)]


def hashlib_alone(folder: Path, threads: int) -> list[str]:
    """Read every file and make its digest, in so many threads, and compare nothing."""
    return [_PYTHON, "-c", _HASHLIB, str(folder), str(threads)]


def get(bucket: str, prefix: str, url: str, threads: int) -> list[str]:
    """Get every object below a prefix and make its digest, in so many threads, and compare nothing."""
    return [_PYTHON, "-c", _GET, bucket, prefix, url, str(threads)]


def whole_way(drop: Path, target: Path, processes: int) -> list[list[str]]:
    """Do what people script today: copy, identify, bag, copy again, validate both.

    ``processes`` are those of ``bagit.py``; siegfried has two workers.
    """
    first, second = target / "first", target / "second"
    return [
        ["cp", "-r", str(drop), str(first)],
        siegfried(first, 2),
        bagit_make(first, processes),
        ["cp", "-r", str(first), str(second)],
        ["sync"],
        bagit_validate(first, processes),
        bagit_validate(second, processes),
    ]
