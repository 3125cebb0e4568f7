"""Submissions with their records, ready to be packaged or told about: small, real, on disk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from preservation.descriptions.drop import DescribedDrop
from preservation.descriptions.reading import describes_objects
from preservation.fixity.digesting import digest_bytes
from preservation.model.decisions import Action, Decision, Migration, MigrationName, ProofName, RuleId
from preservation.model.derivatives import Derivative, Proof, Purpose, RefusedDerivative
from preservation.model.digests import Algorithm
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.formats import EngineName, EngineRelease, FormatMatch, Identification, MimeType, Puid
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    ObjectName,
    PackageId,
    StoreName,
    SubmissionId,
    VersionNumber,
)
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.packages import Replica
from preservation.model.paths import RelativePath, path_order
from preservation.model.screening import ImageFacts, ScreenedFile
from preservation.model.submissions import DropKind, Received, Submission
from preservation.model.supplied import ManifestLayout, SuppliedManifest
from preservation.model.verdicts import Verdict
from preservation.packaging.contents import PackageContents
from preservation.policy.load import parse
from preservation.policy.schema import Policy
from preservation.receipt.contents import PlacedReplica, Receipt

ALGORITHMS = (Algorithm.MD5, Algorithm.SHA256, Algorithm.SHA512)
AT = datetime(2026, 11, 20, 10, 30, 15, 250000, tzinfo=UTC)
SUBMISSION = SubmissionId("0123456789abcdef0123456789abcdef")
MUNIMENT = Agent(AgentKind.SOFTWARE, "Muniment", "0.1.0")
PILLOW = Agent(AgentKind.SOFTWARE, "Pillow", "12.0.0")
TIFFFILE = Agent(AgentKind.SOFTWARE, "tifffile", "2025.6.11")
SIEGFRIED = EngineRelease(EngineName("siegfried"), "1.11.9", "PRONOM V125")

POLICY = """\
policy = "test-images"
revision = 3

[intake]
junk = [".DS_Store"]
junk_action = "leave-out"
descriptive = ["metadata.csv", "*.marcxml"]

[[screen]]
check = "irregular-entries"
outcome = "reject"
because = "A link is no file."

[[rule]]
id = "bmp-to-tiff"
because = "Uncompressed TIFF is our preservation master."
when = { puid = ["fmt/116"] }
normalize = { migration = "image-to-tiff", compression = "none" }
prove = ["same-pixels"]

[otherwise]
action = "retain"
because = "Kept as received."

[packaging.bag_info]
Source-Organization = "The Map Library"

[replication]
copies = 2
sites = 2
"""


def policy_from(text: str = POLICY) -> Policy:
    return parse(text.encode(), "test.toml")


def identified(key: str = "fmt/353", name: str = "Tagged Image File Format") -> Identification:
    match = FormatMatch(Puid(key), name, "", "byte match at 0, 4", EngineName("siegfried"))
    return Identification((match,), Puid(key), MimeType("image/tiff"))


def unidentified() -> Identification:
    return Identification((), None, MimeType("application/octet-stream"))


def surveyed(path: str, content: bytes, identification: Identification | None = None) -> SurveyedFile:
    return SurveyedFile(
        RelativePath(path), len(content), 0, digest_bytes(content, ALGORITHMS), identification or identified()
    )


def an_issue(path: str, severity: Severity = Severity.ERROR, message: str = "") -> Issue:
    return Issue(
        IssueCode("SCR-001"),
        severity,
        message or f"{path} breaks off in the middle.",
        RelativePath(path),
        "Scan this page again and drop the folder once more.",
    )


def an_image(width: int = 4000, height: int = 3000) -> ImageFacts:
    return ImageFacts(1, width, height, "RGB", 8, "none", (300.0, 300.0), "Adobe RGB (1998)", None)


def a_derivative(source: str, content: bytes, purpose: Purpose = Purpose.PRESERVATION) -> Derivative:
    stem = source.rpartition(".")[0]
    return Derivative(
        source=RelativePath(source),
        purpose=purpose,
        migration=Migration(MigrationName("image-to-tiff"), {"compression": "none"}),
        path=RelativePath(f"{stem}.tif"),
        size=len(content),
        digests=digest_bytes(content, ALGORITHMS),
        format_name="TIFF, uncompressed",
        proofs=(Proof(ProofName("same-pixels"), holds=True, detail="12,000,000 of 12,000,000 pixels equal"),),
        encoder=PILLOW,
        decoder=TIFFFILE,
        identification=identified(),
    )


def a_refusal(source: str) -> RefusedDerivative:
    return RefusedDerivative(
        source=RelativePath(source),
        purpose=Purpose.PRESERVATION,
        migration=Migration(MigrationName("image-to-tiff")),
        reason="an animation of 12 frames cannot become one TIFF page",
    )


def an_event(kind: EventType = EventType.FORMAT_IDENTIFICATION) -> Event:
    return Event(
        event_id(SUBMISSION, kind.value),
        kind,
        AT,
        "maps/sheet-012/v1",
        EventOutcome.SUCCESS,
        "every file held against PRONOM",
        "all known",
        MUNIMENT,
    )


@dataclass
class Drop:
    """A folder drop below ``root`` and what every stage recorded about it; files are added one by one."""

    root: Path
    name: str = "sheet-012"
    policy: Policy = field(default_factory=policy_from)
    found: list[SurveyedFile | IrregularEntry] = field(default_factory=list)
    screened: list[ScreenedFile] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    derivatives: list[Derivative | RefusedDerivative] = field(default_factory=list)
    supplied: list[SuppliedManifest] = field(default_factory=list)
    kind: DropKind = DropKind.FOLDER

    @property
    def drop(self) -> Path:
        return self.root / "inbox" / self.name

    @property
    def workspace(self) -> Path:
        return self.root / "processing" / SUBMISSION

    @property
    def payload_root(self) -> Path:
        return self.drop / "data" if self.kind is DropKind.BAG else self.drop

    def add(
        self,
        path: str,
        content: bytes,
        *,
        identification: Identification | None = None,
        action: Action = Action.RETAIN,
        screened: ScreenedFile | None = None,
    ) -> None:
        self._write(self.payload_root / path, content)
        self.found.append(surveyed(path, content, identification))
        self.screened.append(
            replace(screened, path=RelativePath(path)) if screened else ScreenedFile(RelativePath(path))
        )
        self.decisions.append(
            Decision(RelativePath(path), action, RuleId("a-rule"), "So that it lasts <always> & everywhere.")
        )

    def add_irregular(self, path: str, kind: EntryKind, detail: str) -> None:
        self.found.append(IrregularEntry(RelativePath(path), kind, detail))

    def derive(self, source: str, content: bytes, purpose: Purpose = Purpose.PRESERVATION) -> None:
        made = a_derivative(source, content, purpose)
        self._write(self.workspace / purpose.value / made.path, content)
        self.derivatives.append(made)

    def supply_manifest(self, path: str) -> None:
        self.supplied.append(
            SuppliedManifest(RelativePath(path), (Algorithm.MD5,), ManifestLayout.MD5SUM, 1, 1, ())
        )

    def submission(self) -> Submission:
        owner = ObjectId(CollectionName("maps"), ObjectName(self.name))
        return Submission(SUBMISSION, owner, self.drop, AT)

    def contents(self) -> PackageContents:
        """All of it, in the order that the stages keep."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        self.payload_root.mkdir(parents=True, exist_ok=True)
        submission = self.submission()
        found = sorted(self.found, key=lambda value: path_order(value.path))
        tables = [value.path for value in found if describes_objects(value.path)]
        described = DescribedDrop(self.payload_root, tables, submission.object.name)
        paths = [value.path for value in found if isinstance(value, SurveyedFile)]
        return PackageContents(
            package=PackageId(submission.object, VersionNumber(1)),
            submission=submission,
            received=Received(
                self.kind, self.payload_root, bag_root=self.drop if self.kind is DropKind.BAG else None
            ),
            policy=self.policy,
            survey=found,
            screened=sorted(self.screened, key=lambda value: path_order(value.path)),
            decisions=sorted(self.decisions, key=lambda value: path_order(value.path)),
            derivatives=sorted(self.derivatives, key=lambda value: path_order(value.source)),
            supplied=self.supplied,
            events=(an_event(),),
            engines=(SIEGFRIED,),
            created_at=AT,
            software_version="0.1.0",
            description=described.description(paths, lambda _: True).statements,
            described=list(described.files(paths)),
        )

    def dossiers(self) -> list[Dossier]:
        return list(self.contents().files)

    @staticmethod
    def _write(target: Path, content: bytes) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def a_map_sheet(root: Path) -> Drop:
    """A drop with everything in it that a package can hold."""
    drop = Drop(root)
    drop.add("sheet 1.tif", b"II*\0 one", screened=ScreenedFile(RelativePath(""), image=an_image()))
    drop.add("sheet 2.bmp", b"BM two", identification=identified("fmt/116", "Windows Bitmap"))
    drop.add("sub/ünïcode 名.tif", b"II*\0 three")
    drop.add("100%.tif", b"II*\0 four")
    drop.add("line\nbreak.tif", b"II*\0 five")
    drop.add("back\\slash\r.tif", b"II*\0 six")
    drop.add("\u202eevil<b>&.tif", b"II*\0 seven", identification=unidentified())
    drop.add("bell\x07.tif", b"II*\0 eight")
    drop.add("checksums.md5", b"d41d8cd98f00b204e9800998ecf8427e *x\n")
    drop.add(
        "metadata.csv",
        "filename,dc.title,dcterms:created,Creator\nsheet-012,Blatt 12: Zürich,1878,Eidg. Bureau\n".encode(),
    )
    drop.add(".DS_Store", b"junk", action=Action.LEAVE_OUT)
    drop.add_irregular("link", EntryKind.SYMLINK, "points to /etc/passwd")
    drop.derive("sheet 2.bmp", b"II*\0 two as tiff")
    drop.derive("sheet 1.tif", b"\xff\xd8 one as jpeg", Purpose.ACCESS)
    drop.supply_manifest("checksums.md5")
    return drop


def a_receipt(drop: Drop, verdict: Verdict = Verdict.STORED) -> Receipt:
    """A receipt for the drop, with one replica."""
    contents = drop.contents()
    replica = Replica(StoreName("vault"), "/srv/vault/maps/sheet-012/v1", AT, 22, 60_000)
    return Receipt(
        submission=contents.submission,
        verdict=verdict,
        sentence="Everything is as it should be.",
        files=contents.files,
        workspace=drop.workspace,
        started=AT,
        ended=AT,
        package=contents.package,
        replicas=(PlacedReplica(replica, "Cellar"),),
        policy=drop.policy.reference,
        engines=contents.engines,
    )
