"""The virus check: the files of a drop, and its sidecars, are scanned while it is surveyed."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import takewhile
from threading import Event as Signal
from typing import Protocol

from flows.installation.wiring import now
from flows.submission.progress.meter import Track
from flows.submission.stages.ports import HasSettings
from flows.submission.stages.sidecars import copied_sidecars
from flows.submission.workspace import Workspace
from preservation.model.paths import RelativePath
from preservation.model.submissions import Received
from preservation.model.viruses import NoScanner, NotScanned, ScannedFile, ScannerRelease
from preservation.policy.intake import VirusScan
from preservation.survey.walk import FoundFile, walk
from preservation.tools.clamd import Clamd
from preservation.virus.outcome import VirusFindings, doubt, findings, require_scanner
from preservation.virus.scan import ScanTerms, scan


class VirusCheckPorts(HasSettings, Protocol):
    """What the virus check asks of an installation."""

    @property
    def virus_scanner(self) -> Clamd:
        """The client of the virus scanner."""


@contextmanager
def scanned_beside(
    workspace: Workspace, received: Received, ports: VirusCheckPorts, track: Callable[[], Track]
) -> Iterator[ScannerRelease | NoScanner | None]:
    """Scan the drop's files and the copies of its sidecars; the results are complete when the context ends.

    Yields the scanner, or ``None`` where the policy asks for no scan. ``track`` makes the track that counts
    the files, where any are scanned.
    """
    if workspace.policy.terms.intake.virus_scan is VirusScan.OFF:
        yield None
        return
    scanner = ports.virus_scanner.release()
    unsure = _doubt(workspace, scanner)
    copies = [RelativePath(copy.name) for copy in copied_sidecars(workspace)]
    if isinstance(scanner, NoScanner):
        workspace.scanned.write(())
        # No survey has them: here alone they count as not scanned.
        workspace.scanned_sidecars.write(ScannedFile(copy, None, unsure) for copy in copies if unsure)
        yield scanner
        return
    virus = ports.settings.virus
    terms = ScanTerms(virus.streams, int(virus.largest), unsure)
    left = Signal()
    files = (entry for entry in walk(received.payload_root, received.only) if isinstance(entry, FoundFile))
    progress = track()
    sizes: deque[int] = deque()

    def paths() -> Iterator[RelativePath]:
        for file in takewhile(lambda _: not left.is_set(), files):
            sizes.append(file.size)
            yield file.path

    def verdicts() -> Iterator[ScannedFile]:
        # The results come in the order of the paths.
        for scanned in scan(received.payload_root, paths(), ports.virus_scanner, terms):
            progress.count(1, sizes.popleft())
            yield scanned

    def write() -> None:
        workspace.scanned.write(verdicts())
        workspace.scanned_sidecars.write(scan(workspace.sidecars, copies, ports.virus_scanner, terms))

    with ThreadPoolExecutor(1, "virus-check") as beside:
        scanning = beside.submit(write)
        try:
            yield scanner
        except BaseException:
            left.set()
            raise
        scanning.result()


def found_by(scanner: ScannerRelease | NoScanner, workspace: Workspace) -> VirusFindings:
    """Return the findings of the scan, once drop and files were surveyed.

    Raises ``ToolFailedError`` where the policy requires a scan, and the scanner cannot be trusted.
    """
    required = workspace.policy.terms.intake.virus_scan is VirusScan.REQUIRE
    without = _doubt(workspace, scanner) if isinstance(scanner, NoScanner) else None
    found = findings(
        workspace.surveyed(),
        workspace.scanned,
        workspace.scanned_sidecars,
        required=required,
        without=without,
    )
    if required:
        require_scanner(found)
    return found


def _doubt(workspace: Workspace, scanner: ScannerRelease | NoScanner) -> NotScanned | None:
    return doubt(scanner, now(), workspace.policy.terms.intake.virus_signatures_days)
