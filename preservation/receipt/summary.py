"""The figures of a receipt, from one pass over the files."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from preservation.model.derivatives import Derivative, Purpose
from preservation.model.dossiers import Dossier
from preservation.model.issues import Issue, Severity

STOPPING: Final = (Severity.ERROR, Severity.QUESTION)
"""Severities because of which a drop is sent back or waits."""

_MARKING = (*STOPPING, Severity.WARNING)
_STOPPING_KEPT = 8
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class FormatCount:
    """How much of a drop is in one format. ``puid`` is empty where the format is not known."""

    puid: str
    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures about all files of a drop.

    ``bytes`` and ``formats`` are those of the files that are kept, most frequent format first. ``proved``
    counts preservation derivatives, made and proved against their sources; ``access`` counts access
    derivatives, of which no more is known than that they open.
    ``worst`` counts files by their gravest issue. ``stopping`` are the first issues of files because of
    which a drop is sent back or waits; ``stopping_count`` is how many there are in all.
    """

    found: int
    kept: int
    bytes: int
    proved: int
    access: int
    refused: int
    worst: dict[Severity, int]
    formats: tuple[FormatCount, ...]
    stopping: tuple[Issue, ...]
    stopping_count: int

    @property
    def derivatives(self) -> int:
        """The number of files that were made, whatever for."""
        return self.proved + self.access

    @property
    def marked(self) -> int:
        """The number of files that need a look."""
        return sum(self.worst.get(severity, 0) for severity in _MARKING)


def worst_severity(dossier: Dossier) -> Severity | None:
    """Return the gravest severity among a file's issues, or ``None`` where it has none."""
    if dossier.screened is None or not dossier.screened.issues:
        return None
    return max((issue.severity for issue in dossier.screened.issues), key=_RANK.__getitem__)


def marked_files(files: Iterable[Dossier], summary: Summary) -> Iterator[Dossier]:
    """Return the files that need a look, the gravest first; one pass for each severity."""
    for severity in _MARKING:
        if severity in summary.worst:
            yield from (dossier for dossier in files if worst_severity(dossier) is severity)


def unmarked_files(files: Iterable[Dossier]) -> Iterator[Dossier]:
    """Return the files that need no look."""
    return (dossier for dossier in files if worst_severity(dossier) not in _MARKING)


def summarise(files: Iterable[Dossier]) -> Summary:
    """Count."""
    found = kept = size = refused = 0
    made: Counter[Purpose] = Counter()
    worst: Counter[Severity] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    stopping: list[Issue] = []
    stopping_count = 0
    for dossier in files:
        found += 1
        severity = worst_severity(dossier)
        if severity is not None:
            worst[severity] += 1
        for issue in _stopping_issues(dossier):
            stopping_count += 1
            if len(stopping) < _STOPPING_KEPT:
                stopping.append(issue)
        for outcome in dossier.derivatives:
            if isinstance(outcome, Derivative):
                made[outcome.purpose] += 1
            else:
                refused += 1
        file = dossier.kept
        if file is not None:
            kept += 1
            size += file.size
            identification = file.identification
            form = (identification.decided or "", identification.name)
            counts[form] += 1
            sizes[form] += file.size
    formats = (
        FormatCount(puid, name, count, sizes[puid, name])
        for (puid, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return Summary(
        found=found,
        kept=kept,
        bytes=size,
        proved=made[Purpose.PRESERVATION],
        access=made[Purpose.ACCESS],
        refused=refused,
        worst=dict(worst),
        formats=tuple(formats),
        stopping=tuple(stopping),
        stopping_count=stopping_count,
    )


def _stopping_issues(dossier: Dossier) -> list[Issue]:
    """Return the gravest: of a file that has to be scanned again, nobody asks what its format is."""
    if dossier.screened is None:
        return []
    gravest = worst_severity(dossier)
    return [issue for issue in dossier.screened.issues if issue.severity is gravest and gravest in STOPPING]


def formats_table(files: Iterable[Dossier]) -> list[dict[str, str | int]]:
    """Return the formats of the kept files as rows of a table: puid, format, files, bytes."""
    return [
        {"puid": form.puid or "-", "format": form.name, "files": form.files, "bytes": form.bytes}
        for form in summarise(files).formats
    ]
