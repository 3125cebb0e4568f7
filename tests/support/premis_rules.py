"""What holds of every PREMIS record of ours, by the Data Dictionary, version 3.0; faults are sentences."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

P = "{http://www.loc.gov/premis/v3}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"
Name = tuple[str, str]

_TO_EARLIER = {"supersedes", "has same content as"}
_INVERSE = {
    "includes": "is included in",
    "represents": "is represented by",
    "has part": "is part of",
    "has source": "is source of",
}
_INVERSE |= {there: here for here, there in _INVERSE.items()}
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}


@dataclass(frozen=True)
class PremisRecord:
    """A record, and whatever is asked of it more than once."""

    root: etree._Element

    @classmethod
    def of(cls, version: Path) -> PremisRecord:
        """Read the record of a version in a folder store."""
        return cls(etree.parse(version / "metadata" / "premis.xml").getroot())

    @property
    def objects(self) -> dict[Name, etree._Element]:
        return {named(one, "objectIdentifier")[0]: one for one in self.root.iter(f"{P}object")}

    @property
    def events(self) -> dict[Name, etree._Element]:
        return {named(one, "eventIdentifier")[0]: one for one in self.root.iter(f"{P}event")}

    @property
    def agents(self) -> dict[Name, etree._Element]:
        return {named(one, "agentIdentifier")[0]: one for one in self.root.iter(f"{P}agent")}

    @property
    def version(self) -> str:
        """Which version this is of: ``maps/sheet-012/v1``."""
        return next(value for kind, value in self.objects if kind == "Muniment package")

    def files(self, part: str) -> dict[str, etree._Element]:
        """Return the files of a part of the version, by their paths in it."""
        begin = f"muniment://{self.version}/data/{part}/"
        found = {}
        for (kind, value), one in self.objects.items():
            if kind == "Muniment URI" and one.get(XSI) == "file" and unquote(value).startswith(begin):
                found[unquote(value).removeprefix(begin)] = one
        return found

    def events_of(self, kind: str) -> list[etree._Element]:
        return [one for one in self.events.values() if one.findtext(f"{P}eventType") == kind]


def named(element: etree._Element, name: str) -> list[Name]:
    """Return the identifiers of that unit in an element, wherever they stand."""
    return [(one[0].text or "", one[1].text or "") for one in element.iter(f"{P}{name}")]


def related(element: etree._Element) -> Iterator[tuple[str, Name]]:
    for one in element.iter(f"{P}relationship"):
        for other in named(one, "relatedObjectIdentifier"):
            yield one.findtext(f"{P}relationshipSubType") or "", other


def outcome(event: etree._Element) -> str | None:
    return event.findtext(f".//{P}eventOutcome")


def roles(event: etree._Element) -> dict[str, list[str | None]]:
    """Return the agents of an event with their roles."""
    return {
        one[1].text or "": [role.text for role in one.iter(f"{P}linkingAgentRole")]
        for one in event.iter(f"{P}linkingAgentIdentifier")
    }


def faults(record: PremisRecord, payload: Mapping[str, bytes]) -> list[str]:
    """Return what is wrong with a record of a package whose files below ``data/`` are ``payload``."""
    return [
        *_of_identifiers(record),
        *_of_links(record),
        *_of_relationships(record),
        *_of_files(record, payload),
        *_of_events(record),
    ]


def _of_identifiers(record: PremisRecord) -> Iterator[str]:
    for unit in ("objectIdentifier", "eventIdentifier", "agentIdentifier", "rightsStatementIdentifier"):
        for name, times in Counter(named(record.root, unit)).items():
            if times > 1:
                yield f"{name} identifies {times} things"
    owner = record.version.rpartition("/v")[0]
    for kind, value in record.objects:
        if record.version not in unquote(value) and (kind, value) != ("Muniment object", owner):
            yield f"{value} could be of another package"


def _of_links(record: PremisRecord) -> Iterator[str]:
    ways: dict[str, set[tuple[Name, Name]]] = defaultdict(set)
    for way, things, unit in (
        ("object to event", record.objects, "linkingEventIdentifier"),
        ("event to object", record.events, "linkingObjectIdentifier"),
        ("event to agent", record.events, "linkingAgentIdentifier"),
        ("agent to event", record.agents, "linkingEventIdentifier"),
        ("object to rights", record.objects, "linkingRightsStatementIdentifier"),
    ):
        for name, thing in things.items():
            links = named(thing, unit)
            if len(links) != len(set(links)):
                yield f"{name} has the same link twice"
            ways[way] |= {(name, other) for other in links}
    for statement in record.root.iter(f"{P}rightsStatement"):
        name = named(statement, "rightsStatementIdentifier")[0]
        ways["rights to object"] |= {(name, other) for other in named(statement, "linkingObjectIdentifier")}
    for way, links in ways.items():
        start, _, end = way.partition(" to ")
        for name, other in links:
            if (other, name) not in ways[f"{end} to {start}"]:
                yield f"{way}: {name} to {other}, and not back"


def _of_relationships(record: PremisRecord) -> Iterator[str]:
    objects = record.objects
    found = {(name, sub, other) for name, one in objects.items() for sub, other in related(one)}
    for name, sub, other in found:
        if sub in _TO_EARLIER:
            if other in objects:
                yield f"{name} {sub} {other}, which is of the same version"
        elif (other, _INVERSE[sub], name) not in found:
            yield f"{name} {sub} {other}, and that is not {_INVERSE[sub]} it"
    version = ("Muniment package", record.version)
    supersedes = [other for name, sub, other in found if name == version and sub == "supersedes"]
    if bool(supersedes) != (not record.version.endswith("/v1")):
        yield f"{record.version} supersedes {supersedes}"
    for name, one in objects.items():
        included = [sub for sub, _ in related(one) if sub == "is included in"]
        if one.get(XSI) == "file" and len(included) != 1:
            yield f"{name} is included in {len(included)} representations"


def _of_files(record: PremisRecord, payload: Mapping[str, bytes]) -> Iterator[str]:
    described = {
        f"data/{part}/{path}": one
        for part in ("originals", "preservation")
        for path, one in record.files(part).items()
    }
    if described.keys() != payload.keys():
        yield f"described and not there, or there and not described: {described.keys() ^ payload.keys()}"
    for path, one in described.items():
        yield from (f"{path}: {fault}" for fault in _of_file(one, path, payload.get(path)))
    if record.root.find(f".//{P}significantProperties") is not None:
        yield "measured facts are significant properties"


def _of_file(one: etree._Element, path: str, content: bytes | None) -> Iterator[str]:
    part, _, name = path.removeprefix("data/").partition("/")
    if content is not None:
        if one.findtext(f".//{P}size") != str(len(content)):
            yield "another size"
        for fixity in one.iter(f"{P}fixity"):
            algorithm = _HASHES[fixity.findtext(f"{P}messageDigestAlgorithm") or ""]
            if hashlib.new(algorithm, content).hexdigest() != fixity.findtext(f"{P}messageDigest"):
                yield f"another {algorithm}"
    if part == "originals" and original_name(one) != name:
        yield f"its originalName is {original_name(one)!r}"
    is_copy = part == "preservation"
    if is_copy and one.find(f".//{P}formatRegistryKey") is None:
        yield "a derivative without a PUID"
    if is_copy and one.findtext(f".//{P}preservationLevelType") != "logical preservation":
        yield "a preservation copy on no level"
    if one.find(f"{P}storage/{P}contentLocation") is None:
        yield "nothing says where it is"


def original_name(element: etree._Element) -> str | None:
    """Return the name in an ``originalName``, as docs/package.md says to read it."""
    unit = element.find(f"{P}originalName")
    if unit is None:
        return None
    exact = unit.get("simpleLink")
    return (unit.text or "") if exact is None else unquote(exact, errors="surrogateescape")


def _of_events(record: PremisRecord) -> Iterator[str]:
    for name, event in record.events.items():
        kind, said = event.findtext(f"{P}eventType"), outcome(event)
        made_of = [role for role in event.iter(f"{P}linkingObjectRole") if role.text == "outcome"]
        outcomes = [other[1] for role in made_of if (other := named_parent(role))]
        if kind == "normalization" and any("/data/preservation/" not in value for value in outcomes):
            yield f"{name}: a normalization whose outcome is no preservation copy: {outcomes}"
        if kind == "creation" and any("/data/" in value for value in outcomes):
            yield f"{name}: a creation whose outcome is in the package"
        if kind == "validation" and not any(
            record.agents["local", agent].findtext(f"{P}agentVersion") for agent in roles(event)
        ):
            yield f"{name}: a validation by no program with a version"
        notes = " ".join(one.text or "" for one in event.iter(f"{P}eventOutcomeDetailNote"))
        if said == "success" and ("no file was looked into" in notes or "0 of 0" in notes):
            yield f"{name}: a success that compared nothing"
        people = [agent for agent in roles(event) if agent.startswith("person/")]
        if kind == "policy assignment" and any(roles(event)[one] != ["authorizer"] for one in people):
            yield f"{name}: a decision without its authorizer"


def named_parent(role: etree._Element) -> Name | None:
    parent = role.getparent()
    return None if parent is None else (parent[0].text or "", parent[1].text or "")
