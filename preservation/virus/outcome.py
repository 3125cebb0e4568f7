"""What a scan means for a drop: for every surveyed file, whether it was scanned."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from preservation.errors import ToolFailedError
from preservation.model.amounts import count
from preservation.model.digests import Algorithm
from preservation.model.files import SurveyedFile
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath, path_order, quoted
from preservation.model.viruses import (
    Clean,
    Infected,
    NoScanner,
    NotScanned,
    Obstacle,
    ScannedFile,
    ScannerRelease,
    ScanTally,
    ScanVerdict,
)
from preservation.virus import codes

_INFECTED_NAMED: Final = 100
_NOT_SCANNED_NAMED: Final = 5
_NEW_SINCE = NotScanned(Obstacle.OTHER_BYTES, "it was not there when the drop was scanned")
_OTHER_BYTES = NotScanned(Obstacle.OTHER_BYTES, "it was changed between the survey and the scan")
_BY_AN_OPERATOR: Final = "Nothing for you: an operator sees to the virus scanner."
_NEXT_STEPS: Final = {
    Obstacle.NO_SCANNER: _BY_AN_OPERATOR,
    Obstacle.DATABASE: _BY_AN_OPERATOR,
    Obstacle.TOO_LARGE: "Have it scanned by another way; an archivist then decides.",
    Obstacle.LIMIT: "Save it without encryption, or have it scanned by another way; an archivist decides.",
    Obstacle.FAULT: "Have it scanned by another way; an archivist then decides.",
    Obstacle.UNREADABLE: "Check its permissions and its disk.",
    Obstacle.OTHER_BYTES: "Wait until what writes it is done, and drop it again.",
}
_FOR_OPERATORS: Final = {
    Obstacle.NO_SCANNER: "Start clamd, or correct [virus] in muniment.toml; muniment doctor tries it.",
    Obstacle.DATABASE: "Check freshclam, which keeps the signatures fresh; muniment doctor shows their age.",
    Obstacle.TOO_LARGE: "Raise MaxFileSize, MaxScanSize and StreamMaxLength of clamd, then [virus] largest "
    "in muniment.toml; or scan it by another way and approve the drop.",
    Obstacle.FAULT: "Read the log of clamd.",
}


@dataclass(frozen=True, slots=True)
class VirusFindings:
    """What became of the files of a drop. ``issues`` are few, however many files are infected or not scanned.

    ``unrelied`` says what is wrong with the scanner, where that is why files were not scanned.
    """

    tally: ScanTally
    issues: tuple[Issue, ...]
    unrelied: NotScanned | None


def findings(
    surveyed: Iterable[SurveyedFile],
    scanned: Iterable[ScannedFile],
    sidecars: Iterable[ScannedFile] = (),
    *,
    required: bool,
    without: NotScanned | None = None,
) -> VirusFindings:
    """Say what the scan means: ``surveyed`` and ``scanned`` in ``path_order``, surveyed with SHA-256 digests.

    A file that was surveyed and not scanned, or scanned as other bytes than were surveyed, is not scanned:
    its verdict is ``without``, where nothing was scanned at all. With ``required`` that is a question for
    a person, otherwise a warning. A file that only the scan found counts where it is infected. Of
    ``sidecars``, which no survey has, the copies that are kept were scanned: each counts.
    """
    gathered = _Gathered()
    for path, verdict in _verdicts(surveyed, scanned, without or _NEW_SINCE):
        gathered.take_in(path, verdict)
    for sidecar in sidecars:
        gathered.take_in(sidecar.path, sidecar.verdict)
    severity = Severity.QUESTION if required else Severity.WARNING
    issues = (*gathered.infections(), *gathered.gaps(severity))
    unrelied = next((group.first for kind, group in gathered.groups.items() if kind.is_the_scanners), None)
    return VirusFindings(gathered.tally(), issues, unrelied)


def require_scanner(found: VirusFindings) -> None:
    """See that a drop whose policy requires the scan is not judged where only the scanner is at fault.

    Raises ``ToolFailedError``, unless something is infected: that is known, whatever else is not.
    """
    if found.unrelied is not None and not found.tally.infected:
        obstacle = found.unrelied.obstacle
        raise ToolFailedError(
            f"{count(found.tally.not_scanned, 'file')} not scanned for viruses, which the policy requires: "
            f"{found.unrelied.detail}. {_FOR_OPERATORS.get(obstacle) or _NEXT_STEPS[obstacle]}"
        )


def _verdicts(
    surveyed: Iterable[SurveyedFile], scanned: Iterable[ScannedFile], missing: NotScanned
) -> Iterator[tuple[RelativePath, ScanVerdict]]:
    coming = iter(scanned)
    scan = next(coming, None)
    for file in surveyed:
        place = path_order(file.path)
        while scan is not None and path_order(scan.path) < place:
            yield from _only_scanned(scan)
            scan = next(coming, None)
        if scan is None or scan.path != file.path:
            yield file.path, missing
            continue
        yield file.path, _of_these_bytes(file, scan)
        scan = next(coming, None)
    while scan is not None:
        yield from _only_scanned(scan)
        scan = next(coming, None)


def _only_scanned(scan: ScannedFile) -> Iterator[tuple[RelativePath, ScanVerdict]]:
    """Give what was found in a file that is not kept, and so need not be clean."""
    if isinstance(scan.verdict, Infected):
        yield scan.path, scan.verdict


def _of_these_bytes(file: SurveyedFile, scan: ScannedFile) -> ScanVerdict:
    if isinstance(scan.verdict, Clean) and scan.sha256 != file.digests[Algorithm.SHA256]:
        return _OTHER_BYTES
    return scan.verdict


@dataclass(slots=True)
class _Group:
    """The files that were not scanned for one kind of reason: how many, the first ones, the first reason."""

    first: NotScanned
    files: int = 0
    named: list[RelativePath] = field(default_factory=list)


@dataclass(slots=True)
class _Gathered:
    clean: int = 0
    infected: int = 0
    named: list[tuple[RelativePath, Infected]] = field(default_factory=list)
    groups: dict[Obstacle, _Group] = field(default_factory=dict)

    def take_in(self, path: RelativePath, verdict: ScanVerdict) -> None:
        match verdict:
            case Clean():
                self.clean += 1
            case Infected():
                self.infected += 1
                if len(self.named) < _INFECTED_NAMED:
                    self.named.append((path, verdict))
            case NotScanned(obstacle):
                group = self.groups.setdefault(obstacle, _Group(verdict))
                group.files += 1
                if len(group.named) < _NOT_SCANNED_NAMED:
                    group.named.append(path)

    def tally(self) -> ScanTally:
        return ScanTally(self.clean, self.infected, sum(group.files for group in self.groups.values()))

    def infections(self) -> Iterator[Issue]:
        for path, verdict in self.named:
            message = f"{quoted(path)} is infected: the virus scanner found {verdict.signature}."
            next_step = "Do not open it. Report it to the administrator; the drop goes to quarantine."
            yield Issue(codes.INFECTED, Severity.ERROR, message, path, next_step)
        if more := self.infected - len(self.named):
            message = f"{count(more, 'more file')} of the drop are infected; they are not named one by one."
            next_step = "As for the ones that are named."
            yield Issue(codes.INFECTED, Severity.ERROR, message, None, next_step)

    def gaps(self, severity: Severity) -> Iterator[Issue]:
        for obstacle, group in self.groups.items():
            named = ", ".join(quoted(path) for path in group.named)
            files = count(group.files, "file")
            more = " …" if group.files > len(group.named) else ""
            yield Issue(
                codes.NOT_SCANNED,
                severity,
                f"{files} not scanned for viruses: {group.first.detail} ({named}{more}).",
                group.named[0] if group.files == 1 else None,
                _NEXT_STEPS[obstacle],
                for_operators=_FOR_OPERATORS.get(obstacle, ""),
            )


def doubt(scanner: ScannerRelease | NoScanner, at: datetime, signatures_days: int) -> NotScanned | None:
    """Say why files in which it finds nothing cannot be called clean at ``at`` (UTC), or ``None``.

    ``signatures_days`` is how old its official signatures may be.
    """
    if isinstance(scanner, NoScanner):
        return NotScanned(Obstacle.NO_SCANNER, scanner.detail)
    named = f"{scanner.engine} {scanner.version}"
    age = scanner.age_days(at)
    if age is None:
        return NotScanned(Obstacle.DATABASE, f"{named} has no official signatures")
    if age > signatures_days:
        detail = f"the signatures of {named} are {age} days old, and the policy allows {signatures_days}"
        return NotScanned(Obstacle.DATABASE, detail)
    # Time zones make half a day of difference; anything more is a clock that is wrong.
    if age < -1:
        detail = f"the signatures of {named} are dated {scanner.dated:%Y-%m-%d}, which is yet to come"
        return NotScanned(Obstacle.DATABASE, detail)
    return None
