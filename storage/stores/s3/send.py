"""One ``create`` of an S3 store: many small objects at a time, large ones in parts, none ever replaced."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import IO, TYPE_CHECKING, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError

from preservation.errors import IntegrityError, SourceChangedError, StorageError, UnavailableError
from preservation.model.paths import StoreKey, printable
from storage.ports.stores import Deposit, is_there_already, require_sound
from storage.stores.s3.bucket import DEPOSIT, UNLESS_THERE, Bucket, Condition
from storage.stores.s3.faults import is_taken
from storage.stores.s3.key_lock import locked_by_condition, locked_by_marks
from storage.stores.sources import ends_early, opened_source, source_changed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, PutObjectOutputTypeDef

_MOST_PARTS = 10_000
_AHEAD = 4
"""So many small deposits for each connection may wait for it."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Sizes:
    """From ``in_parts`` bytes on a file is sent in parts of at least ``part`` bytes (S3: 5 MiB or more)."""

    in_parts: int = 64 << 20
    part: int = 16 << 20


class Sender:
    """Brings deposits into a bucket. ``conditional``: the service honours If-None-Match."""

    def __init__(self, bucket: Bucket, sizes: Sizes, workers: Executor, *, conditional: bool) -> None:
        self._bucket = bucket
        self._sizes = sizes
        self._workers = workers
        self._conditional = conditional
        self._condition: Condition = UNLESS_THERE if conditional else {}
        # Where a key lock has to be held while an object is put, no put may take long.
        self._in_parts = sizes.in_parts if conditional else sizes.part

    def deposit(self, deposits: Iterable[Deposit]) -> None:
        """Create them all. Raises as ``Store.create`` does, when no thread sends any more."""
        under_way: deque[Future[None]] = deque()
        try:
            for deposit in deposits:
                require_sound(self._bucket.store, deposit.key)
                if deposit.size >= self._in_parts:
                    self._create_in_parts(deposit)
                else:
                    under_way.append(self._workers.submit(self._create_whole, deposit))
                while len(under_way) > _AHEAD * self._bucket.address.connections:
                    under_way.popleft().result()
            while under_way:
                under_way.popleft().result()
        finally:
            _let_end(under_way)

    def _create_whole(self, deposit: Deposit) -> None:
        mine = secrets.token_hex(8)
        bucket = self._bucket
        with opened_source(deposit) as source, Slice(deposit, source, 0, deposit.size) as body:
            checksum = body.sha256()

            def send() -> PutObjectOutputTypeDef:
                return bucket.client.put_object(
                    **bucket.at(deposit.key),
                    Body=cast("IO[bytes]", body),
                    ChecksumSHA256=checksum,
                    Metadata={DEPOSIT: mine},
                    **self._condition,
                )

            try:
                with self._turn(deposit.key):
                    answer = self._sent(body, deposit.key, send)
            except StorageError as error:
                if not _is_refusal(error):
                    raise
                self._require_mine(deposit.key, mine, error)
                deposit.written(1, deposit.size)
                return
        self._require_same(deposit.key, checksum, answer.get("ChecksumSHA256"))
        deposit.written(1, deposit.size)

    @contextmanager
    def _turn(self, key: StoreKey) -> Iterator[None]:
        """Wait for our turn to put ``key``, where the service would replace it. Raises ``StorageError``."""
        if self._conditional:
            yield
            return
        with locked_by_marks(self._bucket, key) as lock:
            self._require_free(key)
            lock.require_sure()
            yield
            lock.require_sure()

    def _create_in_parts(self, deposit: Deposit) -> None:
        # Completing would show it as well, but only after everything has been sent.
        self._require_free(deposit.key)
        mine = secrets.token_hex(8)
        with opened_source(deposit) as source, self._upload(deposit.key, mine) as upload:
            length = max(self._sizes.part, -(-deposit.size // _MOST_PARTS))
            starts = range(0, deposit.size, length)
            parts = [
                self._workers.submit(
                    self._send_part, deposit, source, upload, number, start, min(length, deposit.size - start)
                )
                for number, start in zip(count(1), starts, strict=False)
            ]
            try:
                sent = [part.result() for part in parts]
            finally:
                _let_end(parts)
            self._complete(deposit.key, upload, sent, mine)
            deposit.written(1, 0)

    @contextmanager
    def _upload(self, key: StoreKey, mine: str) -> Iterator[str]:
        """Begin a multipart upload; where it does not come to its end, its parts are removed."""
        bucket = self._bucket
        with bucket.asking("create", key):
            upload = bucket.client.create_multipart_upload(**bucket.at(key), Metadata={DEPOSIT: mine})[
                "UploadId"
            ]
        try:
            yield upload
        except BaseException:
            # What cannot be removed now (the service may be gone) is removed by a later run.
            with suppress(ClientError, BotoCoreError):
                bucket.client.abort_multipart_upload(**bucket.at(key), UploadId=upload)
            raise

    def _send_part(
        self, deposit: Deposit, source: int, upload: str, number: int, start: int, length: int
    ) -> CompletedPartTypeDef:
        bucket = self._bucket
        with Slice(deposit, source, start, length) as body:
            checksum = body.sha256()
            answer = self._sent(
                body,
                deposit.key,
                lambda: bucket.client.upload_part(
                    **bucket.at(deposit.key),
                    UploadId=upload,
                    PartNumber=number,
                    Body=cast("IO[bytes]", body),
                    ChecksumSHA256=checksum,
                ),
            )
        self._require_same(deposit.key, checksum, answer.get("ChecksumSHA256"))
        deposit.written(0, length)
        part: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
        if "ChecksumSHA256" in answer:
            part["ChecksumSHA256"] = answer["ChecksumSHA256"]
        return part

    def _complete(self, key: StoreKey, upload: str, parts: Sequence[CompletedPartTypeDef], mine: str) -> None:
        bucket = self._bucket
        locked = locked_by_condition if self._conditional else locked_by_marks
        with locked(bucket, key, upload) as lock:
            self._require_free(key)
            lock.require_sure()
            try:
                with bucket.asking("create", key):
                    bucket.client.complete_multipart_upload(
                        **bucket.at(key),
                        UploadId=upload,
                        MultipartUpload={"Parts": parts},
                        **self._condition,
                    )
            except StorageError as error:
                # The first answer may have been lost, and then the upload is gone because it was completed.
                if bucket.deposit_of(key) == mine:
                    return
                if _is_refusal(error):
                    raise self._taken(key) from error
                raise

    def _sent(self, body: Slice, key: StoreKey, send: Callable[[], Answer]) -> Answer:
        """Send ``body``. Raises ``SourceChangedError`` or ``StorageError``."""
        with self._bucket.asking("create", key):
            try:
                return send()
            except BotoCoreError:
                if body.fault is not None:
                    raise body.fault from None
                raise

    def _require_free(self, key: StoreKey) -> None:
        if self._bucket.deposit_of(key) is not None:
            raise self._taken(key)

    def _taken(self, key: StoreKey) -> StorageError:
        """Return the error for a key under which there is an object that is not ours."""
        return is_there_already(self._bucket.store, key)

    def _require_mine(self, key: StoreKey, mine: str, refusal: StorageError) -> None:
        """Accept a refusal that our own object caused: an answer was lost, and botocore sent it again."""
        found = self._bucket.deposit_of(key)
        if found is None:
            raise UnavailableError(
                f"store {self._bucket.store}: cannot create {printable(key)}: the service reports that it "
                "is there and that it is not; another process creates and removes it right now: run it again"
            ) from refusal
        if found != mine:
            raise self._taken(key) from refusal

    def _require_same(self, key: StoreKey, sent: str, stored: str | None) -> None:
        """Compare digests where the service returns one; replication reads everything back in any case."""
        if stored is not None and stored != sent:
            raise IntegrityError(
                f"store {self._bucket.store}: {printable(key)} arrived as other bytes than were sent "
                f"(SHA-256 {stored}, not {sent}); see that the memory of both machines is sound"
            )


class Slice(io.RawIOBase):
    """``length`` bytes from ``start`` of an open source. Several may be read from one source at a time.

    Where the source is at fault, reading raises ``SourceChangedError``, and ``fault`` keeps it: what
    sends the slice may hide it behind an error of its own.
    """

    def __init__(self, deposit: Deposit, source: int, start: int, length: int) -> None:
        super().__init__()
        self.fault: SourceChangedError | None = None
        self._deposit = deposit
        self._source = source
        self._start = start
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def seekable(self) -> bool:
        """Return True: it can be sent again."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the slice."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read on. Raises ``SourceChangedError``."""
        window = memoryview(buffer)[: self._length - self._position]
        if not window:
            return 0
        place = self._start + self._position
        try:
            count = os.preadv(self._source, [window], place)
        except OSError as error:
            self.fault = source_changed(self._deposit, error.strerror or str(error))
            raise self.fault from error
        if count == 0:
            self.fault = ends_early(self._deposit, place)
            raise self.fault
        self._position += count
        return count

    def sha256(self) -> str:
        """Return the digest of the whole slice as S3 writes it, in Base64, and go back to its start."""
        digest = hashlib.file_digest(self, "sha256")
        self.seek(0)
        return base64.b64encode(digest.digest()).decode()


def _is_refusal(error: StorageError) -> bool:
    """Return whether the service refused, because there is an object under the key."""
    return isinstance(error.__cause__, ClientError) and is_taken(error.__cause__)


def _let_end(futures: Iterable[Future[Answer]]) -> None:
    """Cancel what has not begun, and wait for what has: it reads from files that are about to be closed."""
    remaining = list(futures)
    for future in remaining:
        future.cancel()
    wait(remaining)
