"""What clamd, ClamAV's daemon, can answer: each answer a value, and what is no answer, too (clamd(8))."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from preservation.model.paths import printable
from preservation.model.viruses import ScannerRelease, SignatureName


@dataclass(frozen=True, slots=True)
class Passed:
    """It found nothing, by the signatures that it has."""


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """It found what ``signature`` describes."""

    signature: SignatureName


@dataclass(frozen=True, slots=True)
class NotWhollySeen:
    """It did not look at all of the stream: one of its limits was reached, or something is encrypted.

    It says so only where its AlertExceedsMax, or AlertEncrypted, is on. ``what`` is its word for it.
    """

    what: str


@dataclass(frozen=True, slots=True)
class TooLong:
    """The stream is longer than its StreamMaxLength."""


@dataclass(frozen=True, slots=True)
class Declined:
    """It answered something else; ``message`` is what."""

    message: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended before an answer was whole: it was stopped, or crashed."""

    detail: str


@dataclass(frozen=True, slots=True)
class Silent:
    """It took longer than ``seconds`` to let us in, to take what was sent, or to answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection could be made."""

    detail: str


NoAnswer: TypeAlias = Lost | Silent | Unreachable
StreamAnswer: TypeAlias = Passed | FoundSignature | NotWhollySeen | TooLong | Declined | NoAnswer

_TOO_LONG: Final = "INSTREAM size limit exceeded. ERROR"
_FOUND: Final = re.compile(r"stream: (.+) FOUND")
_NOT_WHOLLY_SEEN: Final = ("Heuristics.Limits.", "Heuristics.Encrypted.")
_VERSION: Final = re.compile(r"(\S+) ([^\s/]+)(?:/(\d+)/(.+))?")
_DATE: Final = "%a %b %d %H:%M:%S %Y"


def stream_answer(text: str) -> StreamAnswer:
    """Read the answer to a stream. What is not understood is never taken for good news."""
    if text == "stream: OK":
        return Passed()
    if text == _TOO_LONG:
        return TooLong()
    found = _FOUND.fullmatch(text)
    if found is None:
        return Declined(printable(text))
    if found[1].startswith(_NOT_WHOLLY_SEEN):
        return NotWhollySeen(printable(found[1]))
    return FoundSignature(SignatureName(printable(found[1])))


def release_answer(text: str) -> ScannerRelease | None:
    """Read the answer to VERSION: ``ClamAV 1.4.6/27300/Mon Nov  9 07:55:41 2026``, or ``ClamAV 1.4.6``.

    The second is that of a clamd without official signatures. The date is in the time of clamd's machine,
    and is taken for UTC: it is for days. ``None`` where the text is neither.
    """
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    engine, version, database, date = found.groups()
    if database is None:
        return ScannerRelease(engine, version)
    try:
        dated = datetime.strptime(date, _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return ScannerRelease(engine, version, int(database), dated)
