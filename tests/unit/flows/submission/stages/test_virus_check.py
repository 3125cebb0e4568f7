"""The scan of what lies beside a drop: clean is said of nothing that the scanner was not there to see."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from services.clamav import answering
from support.policies import a_policy
from support.surveys import drop, surveyed
from support.takes import NOON

from flows.installation.settings import Settings
from flows.submission.drop import outline_of
from flows.submission.progress.meter import Meter
from flows.submission.stages.sidecars import copy_sidecars
from flows.submission.stages.virus_check import found_by, scanned_beside
from flows.submission.workspace import SURVEYING_STAGE, Workspace
from preservation.errors import ToolFailedError
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.model.submissions import DropKind, Received
from preservation.tools.clamd import Clamd, TcpAddress
from preservation.virus.outcome import VirusFindings

RELEASE = f"ClamAV 1.4.3/27300/{datetime.now(UTC):%a %b %d %H:%M:%S %Y}\0".encode()
PASSED = b"stream: OK\0"


@dataclass
class Ports:
    """What the check asks of an installation."""

    settings: Settings
    virus_scanner: Clamd


def found(
    tmp_path: Path, settings: Settings, scanner: AbstractContextManager[Clamd], seconds: float, *, empty: bool
) -> VirusFindings:
    """Check a file with a manifest beside it; or an archive with nothing in it, with one beside it."""
    plate = drop(tmp_path / "scans", {"plate.tif": b"one", "plate.tif.md5": b"lists nothing"}) / "plate.tif"
    workspace = Workspace(tmp_path / "work")
    owner = ObjectId(CollectionName("images"), ObjectName("plate.tif"))
    policy = a_policy('[intake]\nvirus_scan = "require"')
    workspace.start(owner, plate, outline_of(plate), policy, NOON)
    received = Received(DropKind.FILE, plate.parent, RelativePath("plate.tif"))
    entries = [entry for entry in surveyed(plate.parent) if entry.path == plate.name]
    if empty:
        (tmp_path / "unpacked").mkdir()
        received, entries = Received(DropKind.ARCHIVE, tmp_path / "unpacked"), []
    copy_sidecars(workspace, received)
    with scanner as client, Meter(workspace, SURVEYING_STAGE) as meter:
        ports = Ports(settings, replace(client, seconds=seconds))
        with scanned_beside(
            workspace, received, ports, lambda: meter.track("virus check", lambda: None)
        ) as asked:
            workspace.survey.write(entries)
    assert asked is not None
    return found_by(asked, workspace)


@pytest.mark.parametrize("empty", [False, True])
def test_a_scanner_that_dies_over_a_manifest_beside_a_drop_leaves_a_question(
    tmp_path: Path, settings: Settings, *, empty: bool
):
    scanner = answering(RELEASE, *([] if empty else [PASSED]), b"", b"")
    result = found(tmp_path, settings, scanner, 10, empty=empty)
    assert (result.tally.clean, result.tally.not_scanned) == (0 if empty else 1, 1)
    [issue] = result.issues
    assert (issue.severity, issue.path) == (Severity.QUESTION, "plate.tif.md5")


@pytest.mark.parametrize("empty", [False, True])
def test_a_scanner_that_hangs_over_a_manifest_beside_a_drop_interrupts_it(
    tmp_path: Path, settings: Settings, *, empty: bool
):
    scanner = answering(RELEASE, *([] if empty else [PASSED]))
    with pytest.raises(ToolFailedError, match=r"1 file not scanned for viruses.*silent for 0\.3 seconds"):
        found(tmp_path, settings, scanner, 0.3, empty=empty)


def test_without_a_scanner_a_manifest_is_not_scanned_also_where_it_lies_beside_nothing(
    tmp_path: Path, settings: Settings
):
    scanner = nullcontext(Clamd(TcpAddress("127.0.0.1", 9), 5))
    with pytest.raises(ToolFailedError, match="1 file not scanned for viruses"):
        found(tmp_path, settings, scanner, 5, empty=True)
