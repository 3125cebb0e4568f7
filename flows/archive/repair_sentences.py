"""What repair says of each damage, by what became of it."""

from flows.archive.repair_quarantine import RepairQuarantine
from flows.archive.repair_results import RepairResult, RepairState
from preservation.model.amounts import count
from preservation.model.damage import DamageKind
from preservation.model.locators import Locator
from preservation.model.paths import printable
from storage.ports.audits import RecordedDamage
from storage.repair import (
    AsKept,
    Healable,
    Healed,
    NoGoodReplica,
    NotHealed,
    RepairOutcome,
    TakenAway,
)


def result_of(recorded: RecordedDamage, outcome: RepairOutcome, quarantine: RepairQuarantine) -> RepairResult:
    """Return what became of a damage, with the sentence on it for people."""
    damage = recorded.damage
    key = Locator(damage.package, damage.path).key
    file = (
        f"store {damage.store}: {printable(key) if damage.path else f'the whole replica of {damage.package}'}"
    )
    match outcome:
        case Healed(source=source, replaced=replaced):
            source_text = "the stores that have the version" if source is None else f"store {source}"
            did = "was replaced" if replaced else "was put there"
            sentence = f"{file} {did} from {source_text}, and reads back as it was kept"
            return RepairResult(recorded, RepairState.HEALED, sentence)
        case AsKept():
            return _as_kept(recorded, file, quarantine.has_taken(key, recorded.found_at))
        case TakenAway():
            sentence = f"{file} is in the quarantine, {printable(str(quarantine.folder))}"
            return RepairResult(recorded, RepairState.TAKEN_AWAY, sentence)
        case Healable():
            unexpected = damage.kind is DamageKind.UNEXPECTED
            would = (
                "would be moved into the quarantine" if unexpected else "would be put there as it was kept"
            )
            return RepairResult(recorded, RepairState.HEALABLE, f"{file} {would}")
        case NotHealed(reason=reason):
            return RepairResult(recorded, RepairState.NOT_HEALED, reason)
        case NoGoodReplica(reason=reason, salvage=salvage):
            left = ", ".join(f"store {one.store} has {count(one.size, 'byte')}" for one in salvage)
            sentence = f"{file}: no replica has it as it was kept, and nothing was touched. {reason}. " + (
                f"What is left of it: {left}" if left else "Nothing is left of it"
            )
            return RepairResult(recorded, RepairState.NO_GOOD_REPLICA, sentence, salvage)


def _as_kept(recorded: RecordedDamage, file: str, by_us: bool) -> RepairResult:  # noqa: FBT001  one of two sentences
    unexpected = recorded.damage.kind is DamageKind.UNEXPECTED
    if by_us:
        # The run that did it was killed before it could record that.
        state = RepairState.TAKEN_AWAY if unexpected else RepairState.HEALED
        did = (
            "moved it into the quarantine" if unexpected else "replaced it, and it reads back as it was kept"
        )
        return RepairResult(recorded, state, f"{file}: an earlier run, which was interrupted, {did}")
    found = "is not there any more" if unexpected else "was read just now, and is as it was kept"
    return RepairResult(recorded, RepairState.AS_KEPT, f"{file} {found}")
