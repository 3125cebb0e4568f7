"""What each cell of the NDSA levels finds in the facts: found, lacking, and what people have to show."""

from collections.abc import Callable
from datetime import datetime

from flows.archive.reports.facts import ShownFacts
from flows.archive.reports.intervals import within
from flows.archive.reports.levels import LevelArea, LevelEvidence, Showing, asks
from preservation.model.amounts import count
from preservation.model.events import EventType

_STORES = "settings [[store]]; catalogue: versions by the stores that have a replica"
_READINGS = "state of the audits: replicas by the day on which all of each was read last"
_BY_DESIGN = "how packages are made (docs/package.md)"
_POLICIES = "policies of the collections in the settings"


def evidence_of(facts: ShownFacts) -> tuple[LevelEvidence, ...]:
    """Return the evidence for all 20 cells, area by area, from the first level to the fourth."""
    found = []
    for area, cells in _CELLS.items():
        for level, cell in enumerate(cells, 1):
            one = cell(facts)
            if facts.versions:
                showing, seen, by, gap, people = one
            else:
                # Of nothing, everything could be said.
                showing, seen, by, gap, people = Showing.NOT_SHOWN, "nothing is kept yet", one[2], "", one[4]
            found.append(LevelEvidence(area, level, asks(area, level), showing, seen, by, gap, people))
    return tuple(found)


_Found = tuple[Showing, str, str, str, str]
"""How much is shown, what was found, by which query, what is lacking, what only people can show."""


def _showing(*gaps: str, unknowable: str = "", nothing: bool = False) -> Showing:
    """Return *shown* where no gap is, *partly* where one is or people have to show the rest.

    *Lacking* where there is ``nothing`` of what is asked.
    """
    if nothing:
        return Showing.LACKING
    return Showing.PARTLY if any(gaps) or unknowable else Showing.SHOWN


def _versions(number: int, what: str) -> str:
    return f"{count(number, 'version')} {what}" if number else ""


def _joined(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


def _day(at: datetime | None) -> str:
    return "never, as far as is recorded" if at is None else f"{at:%Y-%m-%d}"


def _copies(facts: ShownFacts, copies: int, sites: int) -> tuple[str, str, bool]:
    """Return how many versions have so many copies on so many sites, the gap, and whether none has."""
    fewer = facts.with_fewer_copies(copies)
    near = facts.with_fewer_sites(sites)
    found = (
        f"of {count(facts.versions, 'version')}, {facts.versions - fewer:,} have {copies} replicas or more, "
        f"and {facts.versions - near:,} are on {count(sites, 'site')} or more"
    )
    gap = _joined(
        _versions(fewer, f"with fewer than {copies} replicas"),
        _versions(near, f"on fewer than {count(sites, 'site')}"),
    )
    return found, gap, facts.versions in {fewer, near}


def _one_kind(named: set[str], all_are: str, what: str) -> str:
    """Return the gap where stores do not differ by what the settings name of them; empty where they do."""
    if not named:
        return f"the settings name no {what} of any store"
    return f"all stores of which it is named are {all_are}" if len(named) == 1 else ""


def _storage_1(facts: ShownFacts) -> _Found:
    found, gap, nothing = _copies(facts, 2, 2)
    silent = [one.name for one in facts.stores if not one.media]
    media = f"the settings name no media of {', '.join(silent)}" if silent else ""
    gap = _joined(gap, media)
    people = "that the sites of the settings are apart, and that the storage is steady"
    return _showing(gap, unknowable=people, nothing=nothing), found, _STORES, gap, people


def _storage_2(facts: ShownFacts) -> _Found:
    found, gap, nothing = _copies(facts, 3, 2)
    silent = [one.name for one in facts.stores if not one.provider or not one.media]
    gap = _joined(gap, f"the settings name no provider or media of {', '.join(silent)}" if silent else "")
    people = "what each storage system needs to work: contracts, power, staff, spare parts"
    return _showing(gap, unknowable=people, nothing=nothing), found, _STORES, gap, people


def _storage_3(facts: ShownFacts) -> _Found:
    found, gap, nothing = _copies(facts, 2, 2)
    media = {one.media for one in facts.stores if one.media}
    found = _joined(found, f"kinds of media in the settings: {', '.join(sorted(media)) or 'none'}")
    gap = _joined(gap, _one_kind(media, "on one kind of media", "media"))
    people = "whether two sites are threatened by different disasters, and who watches media and storage age"
    return _showing(gap, unknowable=people, nothing=nothing), found, _STORES, gap, people


def _storage_4(facts: ShownFacts) -> _Found:
    found, gap, nothing = _copies(facts, 3, 3)
    providers = {one.provider for one in facts.stores if one.provider}
    found = _joined(found, f"providers in the settings: {', '.join(sorted(providers)) or 'none'}")
    gap = _joined(gap, _one_kind(providers, "of one provider", "provider"))
    people = "the plan for storage that grows old, and that it is carried out"
    return _showing(gap, unknowable=people, nothing=nothing), found, _STORES, gap, people


def _integrity_1(facts: ShownFacts) -> _Found:
    ignoring = sum(one.terms.intake.supplied_manifests == "ignore" for one in facts.policies)
    scans = f"{facts.scanning} of {count(len(facts.policies), 'policy', 'policies')} ask for a virus scan"
    checks = facts.acts[EventType.VIRUS_CHECK]
    found = (
        "each file is digested as it is first read, and compared with manifests that came with it, where the "
        "policy does not ignore them; "
        f"{scans}, and {count(checks, 'virus check')} stand in the journal of a year; malware goes to "
        "quarantine/"
    )
    lacking = len(facts.policies) - facts.scanning
    gap = _joined(
        f"{count(lacking, 'policy asks', 'policies ask')} for no virus scan" if lacking else "",
        f"{count(ignoring, 'policy ignores', 'policies ignore')} manifests that come with content"
        if ignoring
        else "",
        f"{count(facts.unread_policies, 'policy', 'policies')} cannot be read"
        if facts.unread_policies
        else "",
    )
    return _showing(gap), found, f"{_POLICIES}; journal: virus check", gap, ""


def _integrity_2(facts: ShownFacts) -> _Found:
    near = facts.with_fewer_sites(2)
    found = (
        "each replica is read back from where it rests when it is written, and what is restored is compared; "
        "each has its manifests with it, and catalogue and journal have digests apart from them"
    )
    gap = _versions(near, "whose digests lie on one site only, besides the database")
    people = "that originals are read from media that cannot be written to"
    return _showing(gap, unknowable=people), found, f"{_BY_DESIGN}; {_STORES}", gap, people


def _integrity_3(facts: ShownFacts) -> _Found:
    read = f"{facts.replicas - facts.overdue:,} were read as a whole within {within(facts.days)}"
    found = (
        f"of {count(facts.replicas, 'replica')}, {read}, or written and read back then; the journal was "
        f"verified last: {_day(facts.verified)}"
    )
    late = f"{count(facts.overdue, 'replica')} were not read within {within(facts.days)}"
    unverified = "" if facts.verified else "no run that verified the journal is recorded"
    gap = _joined(late if facts.overdue else "", unverified)
    nothing = facts.overdue == facts.replicas
    return _showing(gap, nothing=nothing), found, f"{_READINGS}; state/jobs: verify journal", gap, ""


def _integrity_4(facts: ShownFacts) -> _Found:
    found = (
        f"damage that is open: {facts.open_damage:,}, that was read again as kept: {facts.healed:,}; "
        f"{count(facts.drills, 'drill')} restored from one store alone"
    )
    gap = _joined(
        f"{count(facts.open_damage, 'damage')} open" if facts.open_damage else "",
        "" if facts.drills else "no restore from one store alone was tried (muniment drill)",
    )
    people = "that content is read again after events outside of the software, such as a fire or a move"
    return _showing(gap, unknowable=people), found, "state of the audits: damage; reports/drills", gap, people


def _control_1(facts: ShownFacts) -> _Found:
    readers = ", ".join(
        f"{one.name}: {getattr(one, 'readers', 'as the bucket says')}" for one in facts.stores
    )
    found = f"who may read what is kept, by the settings: {readers}"
    people = "which people have the keys, the accounts and the doors to machines, stores and buckets"
    return Showing.NOT_SHOWN, found, "settings [[store]] readers", "", people


def _control_2(facts: ShownFacts) -> _Found:
    found = (
        f"the settings name {count(len(facts.stores), 'store')}; accounts are those of the operating system"
    )
    people = "the list of those who may do what, and that it is applied"
    return Showing.NOT_SHOWN, found, "settings [[store]]", "", people


def _control_3(facts: ShownFacts) -> _Found:
    found = (
        f"the journal has {count(facts.entries, 'entry', 'entries')}, each with what or who acted; "
        f"it was verified last: {_day(facts.verified)}; witnesses besides: {facts.witnesses}"
    )
    gap = _joined(
        "" if facts.verified else "no run that verified it is recorded",
        "" if facts.witnesses else "no witness keeps its heads elsewhere ([witness])",
    )
    people = "what was done past the software, with accounts of the machine"
    by = "journal: its head; state/jobs: verify journal; settings [witness]"
    return _showing(gap, unknowable=people), found, by, gap, people


def _control_4(facts: ShownFacts) -> _Found:
    found = (
        f"a job looks for changes of the journal, last with success: {_day(facts.verified)}; in a year it "
        f"has {count(facts.acts[EventType.DELETION], 'removal')} and "
        f"{count(facts.acts[EventType.DISSEMINATION], 'restore')} to be reviewed"
    )
    gap = "" if facts.verified else "no run that verified the journal is recorded"
    people = "that a person reviews what was done, and who has access"
    return _showing(gap, unknowable=people), found, "state/jobs: verify journal; journal", gap, people


def _metadata_1(facts: ShownFacts) -> _Found:
    found = (
        f"the catalogue has {count(facts.versions, 'version')} with their stores; each store can stand for "
        f"it, and was given the journal last: {_day(facts.sealed)}"
    )
    gap = "" if facts.sealed else "no run that gave the stores the journal is recorded"
    people = "that the database is backed up (docs/backup.md)"
    return _showing(gap, unknowable=people), found, "catalogue; state/jobs: seal journal", gap, people


def _metadata_2(_: ShownFacts) -> _Found:
    found = (
        "each version has PREMIS 3, with the properties of each file, how files belong together and what was "
        "done; Dublin Core for the object, and what descriptions came with it; the policy that shaped it"
    )
    people = "that the description is enough to find and understand the object"
    return _showing(unknowable=people), found, _BY_DESIGN, "", people


def _metadata_3(_: ShownFacts) -> _Found:
    found = "standards in use: BagIt (RFC 8493), PREMIS 3, Dublin Core, MIX for images, PRONOM for formats"
    gap = "descriptions are not compared with a profile of what must be filled in"
    people = "which standards the institution has decided for"
    return _showing(gap, unknowable=people), found, _BY_DESIGN, gap, people


def _metadata_4(facts: ShownFacts) -> _Found:
    found = (
        f"{count(facts.entries, 'act')} in the journal, each with its time, in the words of the PREMIS event "
        "types; those of an ingest stand in the package too"
    )
    return Showing.SHOWN, found, "journal: its head", "", ""


def _content_1(facts: ShownFacts) -> _Found:
    unknown = facts.files - facts.identified
    of = count(facts.files, "file")
    found = f"of {of}, {facts.identified:,} have a PRONOM identifier, with its basis and day"
    gap = f"{count(unknown, 'file')} of which the format is not decided" if unknown else ""
    return _showing(gap), found, "catalogue: files by PUID; premis.xml of each version", gap, ""


def _content_2(facts: ShownFacts) -> _Found:
    screening = sum(bool(one.terms.screens) for one in facts.policies)
    found = (
        f"{screening} of {count(len(facts.policies), 'policy', 'policies')} have content opened and checked"
    )
    lacking = len(facts.policies) - screening
    gap = f"{count(lacking, 'policy checks', 'policies check')} no content" if lacking else ""
    people = "what is agreed with those who make content"
    return _showing(gap, unknowable=people), found, _POLICIES, gap, people


def _content_3(facts: ShownFacts) -> _Found:
    found = f"a report counts the formats of {count(facts.files, 'file')}, the rare ones too"
    gap = "nothing here knows which formats grow old"
    people = "who watches formats and the programs for them"
    return _showing(gap, unknowable=people), found, "catalogue: files by PUID", gap, people


def _content_4(facts: ShownFacts) -> _Found:
    made = facts.acts[EventType.NORMALIZATION]
    found = (
        f"{count(made, 'normalization')} on ingest in the journal of a year, each proved against its source"
    )
    gap = "" if made else "nothing was normalized in a year"
    people = "what is done for content that no policy normalizes"
    return _showing(gap, unknowable=people, nothing=not made), found, "journal: normalization", gap, people


_CELLS: dict[LevelArea, tuple[Callable[[ShownFacts], _Found], ...]] = {
    LevelArea.STORAGE: (_storage_1, _storage_2, _storage_3, _storage_4),
    LevelArea.INTEGRITY: (_integrity_1, _integrity_2, _integrity_3, _integrity_4),
    LevelArea.CONTROL: (_control_1, _control_2, _control_3, _control_4),
    LevelArea.METADATA: (_metadata_1, _metadata_2, _metadata_3, _metadata_4),
    LevelArea.CONTENT: (_content_1, _content_2, _content_3, _content_4),
}
