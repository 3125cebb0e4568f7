"""What the ETag of an object shows about its bytes, where it shows anything.

Put at once it is their MD5; put in parts, the MD5 of the parts' MD5s, with ``-`` and how many they are. Where
the service encrypts with a key of KMS, or with one that is sent along, it is neither (Amazon S3 API, Object).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

_MD5: Final = re.compile(r"[0-9a-f]{32}")
_OF_PARTS: Final = re.compile(r"[0-9a-f]{32}-(?P<parts>[1-9][0-9]{0,4})")
_USUAL: Final = tuple(size << 20 for size in (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512))
_ENCRYPTED: Final = ("SSEKMSKeyId", "SSECustomerAlgorithm", "SSECustomerKeyMD5")


def is_md5(etag: str) -> bool:
    """Return whether an ETag without quotes can be the MD5 of the whole object."""
    return _MD5.fullmatch(etag) is not None


def parts_of(etag: str) -> int:
    """Return of how many parts an object was made that has this ETag; 0 where it was not, or is unknown."""
    found = _OF_PARTS.fullmatch(etag)
    return int(found["parts"]) if found else 0


def is_no_digest(answer: GetObjectOutputTypeDef | HeadObjectOutputTypeDef) -> bool:
    """Return whether the object is encrypted in a way that makes its ETag no digest of its bytes."""
    return any(answer.get(key) for key in _ENCRYPTED) or "kms" in answer.get("ServerSideEncryption", "")


def usual_part_sizes(size: int, parts: int) -> tuple[int, ...]:
    """Return how large the parts of so many bytes are, where they were sent as most clients send them."""
    if parts == 1:
        return (size,)
    return tuple(usual for usual in _USUAL if (parts - 1) * usual < size <= parts * usual)


class EtagDigest:
    """Digests bytes to what their ETag must be: of parts of one of those sizes, or of no parts."""

    def __init__(self, etag: str, part_sizes: Collection[int] = ()) -> None:
        self._etag = etag
        self._tried: list[_InParts | hashlib._Hash] = [_InParts(size) for size in part_sizes] or [_md5()]

    def update(self, chunk: memoryview) -> None:
        """Digest what comes next."""
        for tried in self._tried:
            tried.update(chunk)

    def agrees(self) -> bool:
        """Return whether all the bytes have that ETag. It is called once, at their end."""
        return any(tried.hexdigest() == self._etag for tried in self._tried)


class _InParts:
    def __init__(self, size: int) -> None:
        self._size = size
        self._part = _md5()
        self._in_part = 0
        self._parts: list[bytes] = []

    def update(self, chunk: memoryview) -> None:
        while self._in_part + len(chunk) > self._size:
            rest = self._size - self._in_part
            self._part.update(chunk[:rest])
            self._end_part()
            chunk = chunk[rest:]
        self._part.update(chunk)
        self._in_part += len(chunk)

    def hexdigest(self) -> str:
        self._end_part()
        return f"{_md5(b''.join(self._parts)).hexdigest()}-{len(self._parts)}"

    def _end_part(self) -> None:
        self._parts.append(self._part.digest())
        self._part, self._in_part = _md5(), 0


def _md5(content: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)
