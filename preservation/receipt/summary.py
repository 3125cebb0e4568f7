"""The figures of a receipt, from one pass over the files."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from preservation.model.derivatives import Derivative, Purpose
from preservation.model.dossiers import Dossier
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.screening import ScreenedFile

STOPPING: Final = (Severity.ERROR, Severity.QUESTION)
"""Severities because of which a drop is sent back or waits."""

_MARKING = (*STOPPING, Severity.WARNING)
_STOPPING_KEPT = 8
_FIRST_KEPT = 3
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class FormatCount:
    """How much of a drop is in one format. ``puid`` is empty where the format is not known."""

    puid: str
    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How many files have a finding as their gravest, each file once; ``first`` are the first of these.

    ``pictured`` is the first of them that has a thumbnail, ``None`` where none has.
    """

    code: IssueCode
    severity: Severity
    files: int
    first: tuple[Issue, ...] = ()
    pictured: ScreenedFile | None = None


@dataclass(frozen=True, slots=True)
class PassedFiles:
    """How many files have no finding at all, by what was looked at.

    ``images`` were decoded to the end, ``documents`` and ``others`` looked into. ``valid`` are those of which
    no more is known than that they are valid, by the XML schemas. ``unexamined`` are those that nothing
    looked into, by the reason; ``unscreened`` those that the drop's end came before.
    """

    images: int = 0
    documents: int = 0
    others: int = 0
    valid: tuple[tuple[str, int], ...] = ()
    unexamined: tuple[tuple[str, int], ...] = ()
    unscreened: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures about all files of a drop.

    ``bytes`` and ``formats`` are those of the files that are kept, most frequent format first. ``proved``
    counts preservation derivatives, made and proved against their sources; ``access`` counts access
    derivatives, of which no more is known than that they open.
    ``worst`` counts files by their gravest issue. ``stopping`` are the first issues of files because of
    which a drop is sent back or waits; ``stopping_count`` is how many there are in all. ``faults`` are the
    gravest findings of files, the gravest first, and of those the most frequent.
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
    faults: tuple[FaultCount, ...]
    passed: PassedFiles

    @property
    def derivatives(self) -> int:
        """The number of files that were made, whatever for."""
        return self.proved + self.access

    @property
    def marked(self) -> int:
        """The number of files that need a look."""
        return sum(self.worst.get(severity, 0) for severity in _MARKING)


def worst_issue(dossier: Dossier) -> Issue | None:
    """Return the first of a file's gravest issues, or ``None`` where it has none."""
    if dossier.screened is None or not dossier.screened.issues:
        return None
    return max(dossier.screened.issues, key=lambda issue: _RANK[issue.severity])


def worst_severity(dossier: Dossier) -> Severity | None:
    """Return the gravest severity among a file's issues, or ``None`` where it has none."""
    worst = worst_issue(dossier)
    return None if worst is None else worst.severity


def marking_faults(summary: Summary) -> tuple[FaultCount, ...]:
    """Return the faults because of which files need a look."""
    return tuple(fault for fault in summary.faults if fault.severity in _MARKING)


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
    faults: Counter[tuple[Severity, IssueCode]] = Counter()
    first: defaultdict[tuple[Severity, IssueCode], list[Issue]] = defaultdict(list)
    pictured: dict[tuple[Severity, IssueCode], ScreenedFile] = {}
    passed = _PassedCounter()
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    stopping: list[Issue] = []
    stopping_count = 0
    for dossier in files:
        found += 1
        gravest = worst_issue(dossier)
        if gravest is None:
            passed.count(dossier)
        else:
            worst[gravest.severity] += 1
            fault = (gravest.severity, gravest.code)
            faults[fault] += 1
            if len(first[fault]) < _FIRST_KEPT:
                first[fault].append(gravest)
            if fault not in pictured and dossier.screened is not None and dossier.screened.thumbnail:
                pictured[fault] = dossier.screened
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
        faults=tuple(
            FaultCount(code, severity, number, tuple(first[severity, code]), pictured.get((severity, code)))
            for (severity, code), number in sorted(
                faults.items(), key=lambda item: (-_RANK[item[0][0]], -item[1], item[0][1])
            )
        ),
        passed=passed.counted(),
    )


class _PassedCounter:
    """Counts files without a finding by what was looked at."""

    def __init__(self) -> None:
        self._looked: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._valid: Counter[str] = Counter()

    def count(self, dossier: Dossier) -> None:
        screened = dossier.screened
        if screened is None:
            self._looked["unscreened"] += 1
        elif screened.unexamined:
            self._reasons[screened.unexamined] += 1
        elif screened.image is not None:
            self._looked["images"] += 1
        elif screened.document is not None:
            self._looked["documents"] += 1
        elif screened.valid_by:
            self._valid[" and ".join(screened.valid_by)] += 1
        else:
            self._looked["others"] += 1

    def counted(self) -> PassedFiles:
        return PassedFiles(
            **self._looked,
            valid=tuple(self._valid.most_common()),
            unexamined=tuple(self._reasons.most_common()),
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
