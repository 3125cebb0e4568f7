"""What the journal states of damage is what the audits had, however it was seen, healed and seen again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from support.memory_audits import MemoryAudits
from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.records import MOMENT, a_registration, package_named, sha256_of

from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Algorithm
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType
from preservation.model.identifiers import EventId, StoreName
from preservation.model.paths import BagPath
from storage.audits.events import damage_event, read_event
from storage.ports.audits import AuditedReplica, DamageState, ReadReplica, RepairApproval
from storage.rebuild.damages import Damages

EAST = StoreName("east")
SHEET = package_named("maps/sheet/v1")
AGENT = Agent(AgentKind.SOFTWARE, "Muniment")
DAY = timedelta(days=1)


class Kept:
    """A catalogue with one version, its journal and its audits."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.catalogue = MemoryCatalogue(self.journal)
        self.catalogue.register(a_registration(str(SHEET), "01"), ())
        self.audits = MemoryAudits(self.catalogue, self.journal)

    def read(self, day: int, *paths: str, unnamed: int = 0) -> None:
        """Read the replica as an audit does, which sees these files damaged, and counts others."""
        begun = MOMENT + day * DAY
        replica = AuditedReplica(SHEET, EAST, 9, 900, MOMENT, begun_at=begun)
        damages = tuple(mismatched(path, begun + DAY / 24) for path in paths)
        damaged = len(paths) + unnamed
        counts = (9 - damaged, 900)
        event = read_event(replica, begun + DAY / 12, counts, damaged, AGENT, unnamed=unnamed)
        whole = ReadReplica(replica, begun, begun + DAY / 12, damages, heals=not unnamed)
        self.audits.conclude([whole], [*(damage_event(one, AGENT) for one in damages), event])


def mismatched(path: str, at: datetime) -> Damage:
    promised, found = ({Algorithm.SHA256: sha256_of(text)} for text in ("kept", "found"))
    return Damage(
        SHEET, EAST, BagPath(path), DamageKind.MISMATCHED, at, promised, found=found, found_size=1234
    )


def test_what_a_reading_did_not_see_again_is_healed_also_where_other_files_are_damaged():
    kept = Kept()
    kept.read(1, "data/a", "data/b")
    kept.read(2, "data/b")
    kept.read(3, "data/b", "data/a")
    kept.read(4)
    kept.read(5, "data/b")
    rebuilt = rebuilt_from(kept)
    before = list(kept.audits.damages(None))
    assert list(rebuilt.damages(None)) == before
    assert [one.damage.path for one in rebuilt.damages(DamageState.OPEN)] == ["data/b"]
    assert len(before) == 4


def rebuilt_from(kept: Kept) -> MemoryAudits:
    """Return the audits that come again from the journal alone."""
    rebuilt = MemoryAudits(kept.catalogue, MemoryJournal())
    damages = Damages(rebuilt, lambda _package: True)
    for entry in kept.journal.about():
        assert list(damages.by_entry(entry)) == []
    return rebuilt


def test_what_a_drill_saw_after_an_audit_comes_again_with_what_the_audit_found():
    kept = Kept()
    kept.read(1, "data/a")
    seen = replace(mismatched("data/a", MOMENT + 2 * DAY), found=None, found_size=None)
    kept.audits.record_damage([seen], [damage_event(seen, AGENT)])
    [before] = kept.audits.damages(None)
    assert list(rebuilt_from(kept).damages(None)) == [before]
    assert before.damage.found == {Algorithm.SHA256: sha256_of("found")}


def test_a_reading_that_did_not_name_all_damage_heals_none():
    kept = Kept()
    kept.read(1, "data/b")
    kept.read(2, "data/a", unnamed=1)
    rebuilt = rebuilt_from(kept)
    assert list(rebuilt.damages(None)) == list(kept.audits.damages(None))
    assert {one.damage.path for one in rebuilt.damages(DamageState.OPEN)} == {"data/a", "data/b"}


def approved(kept: Kept, number: int, day: int, by: str = "Ada") -> RepairApproval:
    """Approve a repair as a person does; return the approval."""
    approval = RepairApproval(by, "the disk was exchanged", MOMENT + day * DAY)
    [damage] = [one for one in kept.audits.damages(None) if one.number == number]
    event = Event(
        EventId(f"{number}-{day}"),
        EventType.POLICY_ASSIGNMENT,
        approval.at,
        str(SHEET),
        EventOutcome.SUCCESS,
        f"the repair of damage {number} was approved: {damage.damage.sentence}",
        approval.because,
        Agent(AgentKind.PERSON, by),
    )
    kept.audits.approve_repairs([number], approval, [event])
    return approval


def test_an_approval_comes_again_for_the_damage_that_it_was_given_for_and_for_no_later_one():
    kept = Kept()
    kept.read(1, "data/a", "data/b")
    given = approved(kept, 2, 2)
    # The first file is damaged anew after it was healed, with the same words.
    first = approved(kept, 1, 2)
    kept.read(3, "data/b")
    kept.read(4, "data/a", "data/b")
    rebuilt = MemoryAudits(kept.catalogue, MemoryJournal())
    damages = Damages(rebuilt, lambda _package: True)
    for _ in range(2):
        # What is known is passed over.
        assert [lost for entry in kept.journal.about() for lost in damages.by_entry(entry)] == []
        found = {(one.damage.path, one.state): one.approval for one in rebuilt.damages(None)}
        assert found == {
            ("data/a", DamageState.HEALED): first,
            ("data/b", DamageState.OPEN): given,
            ("data/a", DamageState.OPEN): None,
        }


def test_an_approval_of_a_damage_that_is_not_known_is_listed_as_lost():
    kept = Kept()
    kept.read(1, "data/a")
    approved(kept, 1, 2)
    damages = Damages(MemoryAudits(kept.catalogue, MemoryJournal()), lambda _package: True)
    *_, last = kept.journal.about()
    [lost] = damages.by_entry(last)
    assert lost.about == str(SHEET)
    assert lost.sentence.startswith("the damage 1 of which Ada approved the repair: store east: ")
