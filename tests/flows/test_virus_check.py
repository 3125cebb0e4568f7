"""What a virus scanner finds, or is not there to find, over the whole way, with a real clamd."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from services.clamav import SIGNATURE, Scanner, eicar
from support.archives import Archive
from support.flow_runs import preserved

from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from flows.submission.answer import SubmissionResult
from preservation.model.events import EventOutcome, EventType
from preservation.model.identifiers import parse_object_id
from preservation.model.issues import Severity
from preservation.model.verdicts import Verdict
from storage.ports.journal import Entry

NOBODY = "unix:/nowhere/clamd.ctl"


def policy(installation: Archive, virus_scan: str) -> None:
    file = installation.directory / "policies" / "bit-level.toml"
    text = file.read_text()
    assert "[intake]\n" in text
    file.write_text(text.replace("[intake]\n", f'[intake]\nvirus_scan = "{virus_scan}"\n'))


def zipped(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("letter.txt", content)
    return held.getvalue()


def codes(told: SubmissionResult) -> list[str]:
    return [issue.code for issue in told.ending.issues if issue.severity is not Severity.INFO]


def checks(installation: Archive) -> list[Entry]:
    with open_installation(load_settings(installation.directory)) as opened:
        about = opened.journal.about(str(parse_object_id("files/ledger")), 100)
        return [entry for entry in about if entry.event_type == EventType.VIRUS_CHECK]


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, clamd: Scanner) -> None:
    monkeypatch.setenv("MUNIMENT_VIRUS__CLAMD", clamd.address)


@pytest.fixture
def asking_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_VIRUS__CLAMD", NOBODY)


@pytest.mark.usefixtures("asking")
def test_a_drop_in_which_nothing_is_found_is_kept_and_the_journal_says_by_which_signatures(
    installation: Archive, ledger: Path
):
    policy(installation, "require")
    told = preserved(installation, ledger)
    assert told.ending.verdict is Verdict.STORED
    [check] = checks(installation)
    assert check.outcome == EventOutcome.SUCCESS
    assert "3 files clean, 0 infected, 0 not scanned" in check.note
    assert "signatures 27300 of" in check.detail


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize("content", [eicar(), zipped(eicar())], ids=["as it is", "in a zip"])
def test_an_infected_drop_is_rejected_and_no_byte_of_it_reaches_a_store(
    installation: Archive, ledger: Path, content: bytes
):
    policy(installation, "if-available")
    (ledger / "page 9.dat").write_bytes(content)
    told = preserved(installation, ledger)
    assert told.ending.verdict is Verdict.REJECTED
    assert codes(told) == ["VIR-001"]
    assert SIGNATURE.removesuffix(".UNOFFICIAL") in told.ending.issues[0].message
    assert told.ending.issues[0].path == "page 9.dat"
    assert installation.kept("first") == installation.kept("second") == {}
    assert checks(installation)[0].outcome == EventOutcome.FAIL


@pytest.mark.usefixtures("asking")
def test_a_manifest_beside_a_file_is_scanned_as_the_file_is(installation: Archive, tmp_path: Path):
    policy(installation, "require")
    page = tmp_path / "drops" / "ledger"
    page.parent.mkdir()
    page.write_text("A page\n")
    beside = page.with_name("ledger.md5")
    beside.write_bytes(eicar())
    told = preserved(installation, page)
    assert told.ending.verdict is Verdict.REJECTED
    infected = [issue.path for issue in told.ending.issues if issue.code == "VIR-001"]
    assert infected == ["ledger.md5"]
    assert installation.kept("first") == {}
    beside.write_text(f"{hashlib.md5(page.read_bytes(), usedforsecurity=False).hexdigest()}  ledger\n")
    assert preserved(installation, page).ending.verdict is Verdict.STORED
    assert "2 files clean, 0 infected, 0 not scanned" in checks(installation)[-1].note


@pytest.mark.usefixtures("asking_nobody")
def test_without_a_scanner_that_is_required_the_drop_is_interrupted_and_goes_on_when_there_is_one(
    installation: Archive, ledger: Path, clamd: Scanner, monkeypatch: pytest.MonkeyPatch
):
    policy(installation, "require")
    told = preserved(installation, ledger)
    assert told.ending.verdict is Verdict.INTERRUPTED
    assert NOBODY in told.ending.sentence
    assert "Start clamd" in told.ending.sentence
    assert installation.kept("first") == {}
    monkeypatch.setenv("MUNIMENT_VIRUS__CLAMD", clamd.address)
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED


@pytest.mark.usefixtures("asking_nobody")
def test_without_a_scanner_that_is_not_required_the_drop_is_kept_and_never_called_clean(
    installation: Archive, ledger: Path
):
    policy(installation, "if-available")
    told = preserved(installation, ledger)
    assert told.ending.verdict is Verdict.STORED
    assert codes(told) == ["VIR-002"]
    [check] = checks(installation)
    assert check.outcome == EventOutcome.WARNING
    assert "0 files clean, 0 infected, 3 not scanned" in check.note


@pytest.mark.usefixtures("asking_nobody")
def test_a_policy_that_wants_no_scan_asks_nobody(installation: Archive, ledger: Path):
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED
    assert checks(installation) == []
