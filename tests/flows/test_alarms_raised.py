"""What a run alarms about, over the whole way: each alarm lies in the outbox before anybody sends it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import flipping
from services.clamav import Scanner, eicar
from support.archives import Archive
from support.flow_runs import outcome_of_run, preserved
from support.records import events

from flows.alarms.alarm import Alarm, AlarmKind
from flows.alarms.alarms import outbox_of
from flows.archive.journal_seal import seal
from flows.installation import wiring
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.verdicts import Verdict
from storage.ports.stores import Store


@pytest.fixture
def told_somebody(installation: Archive) -> Archive:
    """The installation, with a mail server that alarms go to."""
    file = installation.directory / "muniment.toml"
    mail = '[alarms.mail]\nhost = "localhost"\nfrom = "muniment@example.org"\nto = ["archive@example.org"]\n'
    file.write_text(f"{file.read_text()}\n{mail}")
    return installation


def alarms(installation: Archive) -> list[Alarm]:
    return [queued.alarm for queued in outbox_of(load_settings(installation.directory)).waiting()]


def test_nothing_is_alarming_about_a_drop_that_is_kept(told_somebody: Archive, ledger: Path):
    assert preserved(told_somebody, ledger).ending.verdict is Verdict.STORED
    assert not alarms(told_somebody)


def test_an_infected_drop_is_told_with_its_receipt(
    told_somebody: Archive, ledger: Path, clamd: Scanner, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MUNIMENT_VIRUS__CLAMD", clamd.address)
    policy = told_somebody.directory / "policies" / "bit-level.toml"
    policy.write_text(policy.read_text().replace("[intake]\n", '[intake]\nvirus_scan = "require"\n'))
    (ledger / "page 9.dat").write_bytes(eicar())

    told = preserved(told_somebody, ledger)

    [alarm] = alarms(told_somebody)
    assert (alarm.kind, alarm.about) == (AlarmKind.INFECTED, "files/ledger")
    assert alarm.happened == told.ending.sentence
    assert Path(alarm.receipt).is_file()


def test_a_store_that_gives_back_other_bytes_is_told_although_the_others_suffice(
    told_somebody: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    sound = wiring.open_stores

    def opened(settings: Settings, *recorded: Mapping[StoreName, StoreIdentity]) -> tuple[Store, ...]:
        first, *others = sound(settings, *recorded)
        return (flipping(first, lambda key: key.endswith("page 1.txt")), *others)

    monkeypatch.setattr(wiring, "open_stores", opened)
    preserved(told_somebody, ledger)
    [alarm] = alarms(told_somebody)
    assert (alarm.kind, alarm.about) == (AlarmKind.INTEGRITY, "store first")
    assert "page 1.txt" in alarm.happened


def test_a_journal_that_contradicts_a_store_is_told(told_somebody: Archive, ledger: Path):
    database = told_somebody.directory / "state" / "muniment.db"
    backup = told_somebody.directory / "backup.db"
    for numbers in (range(3), range(3, 5)):
        with open_installation(load_settings(told_somebody.directory)) as opened:
            opened.journal.append(events(numbers))
            seal(opened)
        if not backup.exists():
            shutil.copy(database, backup)
    backup.replace(database)

    assert outcome_of_run(told_somebody, ledger).fault

    [alarm] = alarms(told_somebody)
    assert (alarm.kind, alarm.about) == (AlarmKind.INTEGRITY, "the journal")
    assert "store first" in alarm.happened
