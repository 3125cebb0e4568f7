"""Scanning the files of a drop: many streams at once, in the order of the walk, in flat memory."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from preservation.long_paths import opened_file
from preservation.model.amounts import byte_size
from preservation.model.digests import HexDigest
from preservation.model.paths import RelativePath
from preservation.model.viruses import Clean, Infected, NotScanned, Obstacle, ScannedFile, ScanVerdict
from preservation.pool import in_order
from preservation.tools import clamd_answers
from preservation.tools.clamd import Clamd, reason_of

_CHUNK_BYTES: Final = 128 << 10
_AHEAD_PER_STREAM: Final = 32


@dataclass(frozen=True, slots=True)
class ScanTerms:
    """How a scan is done. ``streams`` go to the scanner at a time, of at most ``largest`` bytes each.

    ``largest`` must not be more than the scanner looks at: clamd calls a file that is larger than its
    MaxFileSize OK without having seen it, and there is no way to ask it for that figure. ``doubt`` is why
    files in which nothing is found are not called clean all the same; what is found counts.
    """

    streams: int
    largest: int
    doubt: NotScanned | None = None


def scan(root: Path, paths: Iterable[RelativePath], clamd: Clamd, terms: ScanTerms) -> Iterator[ScannedFile]:
    """Give what the scanner finds in each of these plain files below ``root``, in their order.

    A few files are sent ahead and no more, so that memory does not grow with the drop. Where the scanner
    is gone or silent, it is not asked again: the files that are left are not scanned.
    """
    work = _Scan(root, clamd, terms)
    ahead = terms.streams * _AHEAD_PER_STREAM
    yield from in_order(work.scanned, paths, threads=terms.streams, ahead=ahead, name="virus-scan")


class _Scan:
    """One scan; its threads share whether the scanner was given up."""

    def __init__(self, root: Path, scanner: Clamd, terms: ScanTerms) -> None:
        self._root = root
        self._scanner = scanner
        self._terms = terms
        self._gave_up: NotScanned | None = None

    def scanned(self, path: RelativePath) -> ScannedFile:
        if self._gave_up is not None:
            return ScannedFile(path, None, self._gave_up)
        try:
            with opened_file(self._root, path) as descriptor:
                return self._sent(path, descriptor)
        except OSError as error:
            return _not_scanned(path, Obstacle.UNREADABLE, error.strerror or str(error))
        except _UnreadableError as error:
            return _not_scanned(path, Obstacle.UNREADABLE, str(error))

    def _sent(self, path: RelativePath, descriptor: int) -> ScannedFile:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            return _not_scanned(path, Obstacle.UNREADABLE, "it was a file and is none any more")
        if state.st_size > self._terms.largest:
            limits = f"{byte_size(state.st_size)}, and the scanner is sent {byte_size(self._terms.largest)}"
            return _not_scanned(path, Obstacle.TOO_LARGE, f"{limits} at most")
        content = _Content(descriptor, state.st_size)
        answer = self._scanner.stream(content)
        if isinstance(answer, clamd_answers.Lost):
            # It may have been restarted, or another stream may have been its end.
            content = _Content(descriptor, state.st_size)
            answer = self._scanner.stream(content)
        return ScannedFile(path, content.sha256, self._verdict(answer))

    def _verdict(self, answer: clamd_answers.StreamAnswer) -> ScanVerdict:
        match answer:
            case clamd_answers.Passed():
                return self._terms.doubt or Clean()
            case clamd_answers.FoundSignature(signature):
                return Infected(signature)
            case clamd_answers.Silent() | clamd_answers.Unreachable():
                detail = f"{self._scanner.address}: {reason_of(answer)}"
                self._gave_up = NotScanned(Obstacle.NO_SCANNER, detail)
                return self._gave_up
            case _:
                return _obstacle_of(answer)


def _obstacle_of(
    answer: clamd_answers.NotWhollySeen | clamd_answers.TooLong | clamd_answers.Declined | clamd_answers.Lost,
) -> NotScanned:
    match answer:
        case clamd_answers.NotWhollySeen(what):
            return NotScanned(Obstacle.LIMIT, f"clamd did not look at all of it ({what})")
        case clamd_answers.TooLong():
            return NotScanned(Obstacle.TOO_LARGE, "it is longer than clamd's StreamMaxLength")
        case clamd_answers.Declined(message):
            return NotScanned(Obstacle.FAULT, f"clamd says {message!r}")
        case clamd_answers.Lost():
            return NotScanned(Obstacle.FAULT, f"{reason_of(answer)}, twice")


class _UnreadableError(Exception):
    """A file could not be read to its end. No ``OSError``: those of the connection are another matter."""


class _Content:
    """The first ``size`` bytes of a file, piece by piece, and the digest of what was read of them.

    No more than were promised: a file that grows is not sent past the scanner's limits. Raises
    ``_UnreadableError`` where there are not as many.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._read = 0
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while self._read < self._size:
            wanted = min(_CHUNK_BYTES, self._size - self._read)
            try:
                chunk = os.pread(self._descriptor, wanted, self._read)
            except OSError as error:
                raise _UnreadableError(error.strerror or str(error)) from error
            if not chunk:
                raise _UnreadableError("it became shorter while it was read")
            self._read += len(chunk)
            self._digest.update(chunk)
            yield chunk

    @property
    def sha256(self) -> HexDigest | None:
        """The digest, where all of it was sent: a scanner may answer before that."""
        return HexDigest(self._digest.hexdigest()) if self._read == self._size else None


def _not_scanned(path: RelativePath, obstacle: Obstacle, detail: str) -> ScannedFile:
    return ScannedFile(path, None, NotScanned(obstacle, detail))
