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
from preservation.model.events import Agent, AgentKind
from preservation.model.identifiers import StoreName
from preservation.model.paths import BagPath
from storage.audits.events import damage_event, read_event
from storage.ports.audits import AuditedReplica, DamageState, ReadReplica
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

    def read(self, day: int, *paths: str) -> None:
        """Read the replica as an audit does, which sees these files damaged."""
        begun = MOMENT + day * DAY
        replica = AuditedReplica(SHEET, EAST, 9, 900, MOMENT, begun_at=begun)
        damages = tuple(mismatched(path, begun + DAY / 24) for path in paths)
        event = read_event(replica, begun + DAY / 12, (9 - len(paths), 900), len(paths), AGENT)
        whole = ReadReplica(replica, begun, begun + DAY / 12, damages)
        self.audits.conclude([whole], [*(damage_event(one, AGENT) for one in damages), event])


def mismatched(path: str, at: datetime) -> Damage:
    promised, found = ({Algorithm.SHA256: sha256_of(text)} for text in ("kept", "found"))
    return Damage(SHEET, EAST, BagPath(path), DamageKind.MISMATCHED, at, promised, found=found)


def test_what_a_reading_did_not_see_again_is_healed_also_where_other_files_are_damaged():
    kept = Kept()
    kept.read(1, "data/a", "data/b")
    kept.read(2, "data/b")
    kept.read(3, "data/b", "data/a")
    kept.read(4)
    kept.read(5, "data/b")
    rebuilt = MemoryAudits(kept.catalogue, MemoryJournal())
    damages = Damages(rebuilt, lambda _package: True)
    for entry in kept.journal.about():
        damages.by_entry(entry)
    before = [replace(one, damage=replace(one.damage, found_size=None)) for one in kept.audits.damages(None)]
    assert list(rebuilt.damages(None)) == before
    assert [one.damage.path for one in rebuilt.damages(DamageState.OPEN)] == ["data/b"]
    assert len(before) == 4
