"""What was in the drop and is not in the package: said in the package itself, each with its reason."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from preservation.model.digests import Algorithm
from preservation.model.dossiers import Dossier
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.premis.writing import ByteSink

_COLUMNS = ("path", "kind", "bytes", "sha256", "reason")


@dataclass(frozen=True, slots=True)
class NotKept:
    """One entry of the drop that is not in the package."""

    path: str
    kind: str
    reason: str
    size: str = ""
    sha256: str = ""


def not_kept(dossier: Dossier) -> NotKept:
    """Return why a file is not in the package: no bag can hold it, or the policy leaves it out."""
    found = dossier.found
    match found:
        case IrregularEntry():
            return NotKept(found.path, found.kind.value, found.detail)
        case SurveyedFile():
            reason = "left out by the policy" if dossier.decision is None else dossier.decision.because
            return NotKept(found.path, "file", reason, str(found.size), found.digests[Algorithm.SHA256])


class NotKeptTable:
    """The list as CSV (RFC 4180, UTF-8, a header line), written as it grows."""

    def __init__(self, sink: ByteSink) -> None:
        self.rows = 0
        self._table = csv.writer(_Utf8(sink))
        self._table.writerow(_COLUMNS)

    def add(self, entry: NotKept) -> None:
        """Write one more line."""
        self.rows += 1
        self._table.writerow((entry.path, entry.kind, entry.size, entry.sha256, entry.reason))


class _Utf8:
    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink

    def write(self, text: str) -> object:
        return self._sink.write(text.encode())
