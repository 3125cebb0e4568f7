"""The shipped policies of the gate: each demand with a real file or drop that breaks just that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image
from support import scanned_pages
from support.hostile_archives import zipped
from support.identifications import noise
from support.pdfs import CLAIMING_PDF_A, DRAWING, TEXT, document
from support.specified_images import SRGB, photoshop_resources

from preservation.identification.identify import Identifier
from preservation.model.digests import Algorithm
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, Severity
from preservation.model.submissions import DropKind, Received
from preservation.policy.file_names import FileNames
from preservation.policy.load import parse
from preservation.policy.metadata_columns import DescriptiveMetadata
from preservation.policy.page_content import PageContent
from preservation.policy.schema import Policy
from preservation.policy.screen_tables import ScreenTable
from preservation.policy.shipped import shipped_policies
from preservation.screening.drop_checks import drop_checks_for
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.screen import screen
from preservation.survey.survey import survey
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

GATES = ("books", "manuscripts", "newspapers", "photographs")
OBJECT = "ms-1387"
# Of a row about a photograph, what follows its name.
REST = ",A bridge,1901?\n"
# What a file that cannot be read has besides, for it cannot be said whether it is as agreed.
UNDECIDED = {"IMG-001", "PAG-001", "DOC-001"}

Demand = tuple[str, str]
Samples = np.ndarray[Any, Any]


def policy_of(gate: str) -> Policy:
    return parse(shipped_policies()[f"{gate}.toml"], f"{gate}.toml")


@lru_cache
def drawn(seed: int) -> Image.Image:
    return scanned_pages.page(seed)


def small(seed: int) -> Image.Image:
    """A page too short for its focus to be measured, quickly decoded."""
    return drawn(seed).reduce(5)


def named_profile(name: str) -> bytes:
    """A whole ICC profile that calls itself so."""
    before, after = ("sRGB built-in".encode("utf-16-be"), name.encode("utf-16-be"))
    assert len(after) < len(before)
    length = b"enUS" + len(before).to_bytes(4, "big")
    assert length in SRGB
    assert before in SRGB
    renamed = SRGB.replace(length, b"enUS" + len(after).to_bytes(4, "big"))
    return renamed.replace(before, after.ljust(len(before), b"\0"))


MAKE, MODEL = (271, "s", 0, "Phase One", True), (272, "s", 0, "iXG 100MP", True)
OPTIONS: dict[str, Any] = {
    "photometric": "rgb",
    "resolution": (400, 400),
    "resolutionunit": "INCH",
    "iccprofile": SRGB,
    "software": "Capture One 23",
    "datetime": "2026:05:01 10:00:00",
    "metadata": None,
    "extratags": [MAKE, MODEL],
}
OF_GATES: dict[str, dict[str, Any]] = {
    "photographs": {"resolution": (600, 600), "iccprofile": named_profile("eciRGB v2")}
}


def samples_of(gate: str, picture: Image.Image) -> Samples:
    grey = np.asarray(picture)
    rgb = np.stack([grey, grey, grey], -1)
    return rgb.astype("u2") * 256 if gate == "photographs" else rgb


def tiff(tmp_path: Path, gate: str, *pages: Samples, **options: Any) -> bytes:  # noqa: ANN401  tifffile's
    """A TIFF of these pages as the gate asks for, but for what ``options`` say."""
    file = tmp_path / "made.tif"
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page, **(OPTIONS | OF_GATES.get(gate, {}) | options))
    return file.read_bytes()


def tag(number: int, kind: str, value: bytes | int) -> dict[str, Any]:
    count = len(value) if isinstance(value, bytes) else 1
    return {"extratags": [MAKE, MODEL, (number, kind, count, value, True)]}


def with_alpha(samples: Samples) -> Samples:
    return np.dstack([samples, np.full(samples.shape[:2], np.iinfo(samples.dtype).max, samples.dtype)])


def in_other_bits(samples: Samples) -> Samples:
    return (samples // 256).astype("u1") if samples.dtype == "u2" else samples.astype("u2") * 256


def one_of_three(samples: Samples) -> Samples:
    return np.ascontiguousarray(samples[..., 0])


class ImageFault(NamedTuple):
    """How a TIFF breaks one key of a specification."""

    code: str
    options: dict[str, Any]
    alter: Callable[[Samples], Samples] | None = None


COLOURS = np.stack([np.arange(256, dtype="u2") * 257] * 3)
IMAGE_FAULTS = {
    "formats": ImageFault("IMG-002", {"extratags": [MAKE, MODEL, (34735, "H", 4, (1, 1, 0, 0), True)]}),
    "compressions": ImageFault("IMG-003", {"compression": "packbits"}),
    "dpi": ImageFault("IMG-004", {"resolution": (200, 200)}),
    "square_pixels": ImageFault("IMG-007", {}),
    "resolution_unit": ImageFault("IMG-008", {"resolution": (150, 150), "resolutionunit": "CENTIMETER"}),
    "bits": ImageFault("IMG-011", {}, in_other_bits),
    "samples": ImageFault("IMG-012", {"extrasamples": ["unassalpha"]}, with_alpha),
    "colours": ImageFault("IMG-013", {"photometric": "palette", "colormap": COLOURS}, one_of_three),
    "profile": ImageFault("IMG-014", {"iccprofile": None}),
    "profile_names": ImageFault("IMG-016", {"iccprofile": SRGB}),
    "orientations": ImageFault("IMG-018", tag(274, "H", 6)),
    "no_reduced_copies": ImageFault("IMG-020", tag(34377, "B", photoshop_resources(0x040C, b"tiny"))),
    "no_layers": ImageFault("IMG-021", tag(37724, "B", b"Adobe Photoshop Document Data Block\0")),
    "tags": ImageFault("IMG-023", {"extratags": [MODEL]}),
}  # fmt: skip
UNLIKE_ACROSS = {
    "books": (300, 400),
    "newspapers": (300, 400),
    "manuscripts": (400, 500),
    "photographs": (600, 700),
}

PAGE_FAULTS: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "blank": ("PAG-002", lambda _: scanned_pages.blank()),
    "shadows": ("PAG-003", scanned_pages.underexposed),
    "highlights": ("PAG-004", scanned_pages.overexposed),
    "skew": ("PAG-005", lambda page: scanned_pages.turned(page, 3)),
    "focus": ("PAG-006", scanned_pages.blurred),
    "border": ("PAG-007", scanned_pages.uncropped),
}

NO_FONT = (b"/Font << /F1 3 0 R >>", b" " * len("/Font << /F1 3 0 R >>"))
GOOD_PDF = document([DRAWING], catalogue=CLAIMING_PDF_A).replace(*NO_FONT)
OTHER_FILES: dict[Demand, tuple[str, str, bytes]] = {
    ("not-empty", ""): ("SCR-011", "empty.txt", b""),
    ("sound-documents", ""): ("SCR-030", "no-page.pdf", document([], catalogue=CLAIMING_PDF_A)),
    ("safe-archives", ""): ("SCR-060", "more.zip", zipped(("../climbs.txt", b"x"))),
    ("known-format", ""): ("SCR-040", "notes.unheardof", noise(2000)),
    ("extension-matches", ""): ("SCR-042", "letter.doc", GOOD_PDF),
    ("portable-names", ""): ("SCR-050", "remarks.txt", b"The same name but for its case.\n"),
    ("document-specification", "claims"): ("DOC-003", "unclaimed.pdf", document([DRAWING]).replace(*NO_FONT)),
    ("document-specification", "forbidden"): (
        "DOC-005",
        "fonts.pdf",
        document([TEXT], catalogue=CLAIMING_PDF_A),
    ),
}


def scan(gate: str, number: int) -> str:
    """The name of the scan with that number, from 1."""
    if gate == "manuscripts":
        return f"{OBJECT}_{(number + 1) // 2:03d}{'vr'[number % 2]}.tif"
    return f"{OBJECT}_{number:04d}.tif"


def delivered(gate: str, scans: Mapping[str, bytes]) -> dict[str, bytes]:
    """The scans with all that was ordered beside them."""
    files = dict(scans)
    if gate == "books":
        files["book.pdf"] = GOOD_PDF
    if gate == "manuscripts":
        files["metadata.csv"] = f"filename,dc.identifier\n{OBJECT},MS 1387\n".encode()
    if gate == "newspapers":
        files["metadata.csv"] = f"filename,dc.title,dc.date\n{OBJECT},The Herald,1901-05-03\n".encode()
        files |= {name.replace(".tif", ".xml"): b'<?xml version="1.0"?>\n<alto/>\n' for name in scans}
    if gate == "photographs":
        rows = "".join(f"{name}{REST}" for name in scans)
        files["metadata.csv"] = f"filename,dc.title,dc.date\n{rows}".encode()
    return files


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 2, JOB_MODULES) as pool:
        yield pool


@pytest.fixture(scope="module")
def identifier() -> Identifier:
    return Identifier()


class Gate(NamedTuple):
    """What a shipped policy says of drops."""

    workers: CagedWorkers
    identifier: Identifier
    tmp_path: Path

    def findings(self, gate: str, files: Mapping[str, bytes], link: str = "") -> list[Issue]:
        """What is found in a drop of these files, but for what is only said."""
        policy, root = policy_of(gate), self.tmp_path / OBJECT
        root.mkdir()
        for name, content in files.items():
            (root / name).write_bytes(content)
        if link:
            (root / link).symlink_to("metadata.csv")
        received = Received(DropKind.FOLDER, root)
        found = list(survey(received, algorithms=(Algorithm.SHA256,), identifier=self.identifier, threads=2))
        checks = drop_checks_for(policy, ObjectName(OBJECT), root)
        results = screen(
            found, root=root, policy=policy, name_rules=(), workers=self.workers,
            thumbnails=self.tmp_path / "thumbnails", drop_checks=checks,
        )  # fmt: skip
        issues = [issue for result in results for issue in result.issues]
        surveyed = [entry for entry in found if isinstance(entry, SurveyedFile)]
        issues += [issue for check in checks for issue in check.close(iter(surveyed))]
        return [issue for issue in issues if issue.severity is not Severity.INFO]


@pytest.fixture
def at_the_gate(tmp_path: Path, workers: CagedWorkers, identifier: Identifier) -> Gate:
    return Gate(workers, identifier, tmp_path)


def demands(asked: ScreenTable) -> set[Demand]:
    """What a screen asks for, each of which can be broken apart from the others."""
    own = {str(key) for key in asked.model_fields_set - {"check", "outcome", "because", "paths", "exempt"}}
    if isinstance(asked, PageContent):
        own = {str(fault) for fault in asked.faults}
    if isinstance(asked, FileNames):
        own = {"pattern", "numbers"}
    if isinstance(asked, DescriptiveMetadata):
        own -= {"columns"}
        for heading, column in asked.columns.items():
            own |= {f"{heading} {key}" for key in column.model_fields_set - {"rows"}}
    return {(asked.check, key) for key in own or {""}}


def outcomes(gate: str) -> dict[Demand, Severity]:
    return {
        demand: asked.outcome.severity for asked in policy_of(gate).terms.screens for demand in demands(asked)
    }


def faulty_scans(tmp_path: Path, gate: str) -> Iterator[tuple[Demand, str, bytes]]:
    """For each demand that one scan alone can break, the code and the scan."""
    plain = samples_of(gate, small(2))
    asked = outcomes(gate)
    yield ("decodable-images", ""), "SCR-020", tiff(tmp_path, gate, plain)[:-20_000]
    for number, (key, fault) in enumerate(IMAGE_FAULTS.items(), 3):
        if ("image-specification", key) in asked:
            samples = samples_of(gate, small(number))
            samples = fault.alter(samples) if fault.alter else samples
            options = {"resolution": UNLIKE_ACROSS[gate]} if key == "square_pixels" else fault.options
            yield ("image-specification", key), fault.code, tiff(tmp_path, gate, samples, **options)
    two = (samples_of(gate, small(seed)) for seed in (20, 21))
    yield ("image-specification", "pages"), "IMG-019", tiff(tmp_path, gate, *two)
    for number, (key, (code, spoil)) in enumerate(PAGE_FAULTS.items(), 22):
        if ("page-content", key) in asked:
            samples = samples_of(gate, spoil(drawn(number)).reduce(2))
            yield ("page-content", key), code, tiff(tmp_path, gate, samples)


def one_faulty_drop(tmp_path: Path, gate: str) -> tuple[dict[str, bytes], dict[Demand, tuple[str, str]]]:
    """A drop with one file for each demand that one can break; of each demand, its code and that file."""
    first = tiff(tmp_path, gate, samples_of(gate, small(0)))
    scans, broken = {scan(gate, 1): first}, {}
    for number, (demand, code, content) in enumerate(faulty_scans(tmp_path, gate), 2):
        scans[scan(gate, number)] = content
        broken[demand] = (code, scan(gate, number))
    again = scan(gate, len(scans) + 1)
    scans[again] = first
    broken["page-content", "duplicates"] = ("PAG-008", again)
    if len(scans) % 2:
        scans[scan(gate, len(scans) + 1)] = tiff(tmp_path, gate, samples_of(gate, small(1)))
    files = delivered(gate, scans)
    files["scan7.tif"] = tiff(tmp_path, gate, samples_of(gate, small(30)))
    broken["file-names", "pattern"] = ("NAM-001", "scan7.tif")
    for demand, (code, name, content) in OTHER_FILES.items():
        if demand in outcomes(gate):
            files[name] = content
            broken[demand] = (code, name)
    files["Remarks.txt"] = b"Another file.\n"
    broken["irregular-entries", ""] = ("SCR-001", "link.txt")
    return files, broken


@pytest.mark.parametrize("gate", GATES)
def test_each_demand_that_one_file_can_break_is_found_at_that_file_and_no_other(
    at_the_gate: Gate, tmp_path: Path, gate: str
):
    files, broken = one_faulty_drop(tmp_path, gate)
    found: dict[str, dict[str, Severity]] = {}
    for issue in at_the_gate.findings(gate, files, link="link.txt"):
        if issue.code not in UNDECIDED:
            found.setdefault(str(issue.path), {})[issue.code] = issue.severity
    severities = outcomes(gate)
    assert found == {name: {code: severities[demand]} for demand, (code, name) in broken.items()}


class Change(NamedTuple):
    """How a good drop of six scans is changed, so that it breaks one demand as a whole."""

    gate: str
    demand: Demand
    code: str
    without: tuple[str, ...] = ()
    table: tuple[str, str] = ("", "")


TITLE, DATE = "dc.title", "dc.date"
META = "descriptive-metadata"
NUMBERS = ("file-names", "numbers")
CHANGES = [
    Change("books", NUMBERS, "NAM-003", (f"{OBJECT}_0003.tif",)),
    Change("manuscripts", NUMBERS, "NAM-003", (f"{OBJECT}_002r.tif", f"{OBJECT}_002v.tif")),
    Change("manuscripts", ("paired-files", "one"), "NAM-009", (f"{OBJECT}_003r.tif",)),
    Change("manuscripts", ("paired-files", "other"), "NAM-009", (f"{OBJECT}_003v.tif",)),
    Change("manuscripts", (META, "object_row"), "DSC-010", ("metadata.csv",)),
    Change("manuscripts", (META, "dc.identifier required"), "DSC-013", table=("MS 1387", "")),
    Change("newspapers", NUMBERS, "NAM-003", (f"{OBJECT}_0003.tif", f"{OBJECT}_0003.xml")),
    Change("newspapers", ("paired-files", "one"), "NAM-009", (f"{OBJECT}_0006.tif",)),
    Change("newspapers", ("paired-files", "other"), "NAM-009", (f"{OBJECT}_0006.xml",)),
    Change("newspapers", (META, "object_row"), "DSC-010", ("metadata.csv",)),
    Change("newspapers", (META, f"{TITLE} required"), "DSC-013", table=("The Herald", "")),
    Change("newspapers", (META, f"{DATE} required"), "DSC-013", table=("1901-05-03", "")),
    Change("newspapers", (META, f"{DATE} dates"), "DSC-015", table=("1901-05-03", "3 May 1901")),
    Change("photographs", NUMBERS, "NAM-003", (f"{OBJECT}_0003.tif",), (f"{OBJECT}_0003.tif{REST}", "")),
    Change("photographs", (META, "row_for"), "DSC-021", table=(f"{OBJECT}_0002.tif{REST}", "")),
    Change("photographs", (META, f"{TITLE} required"), "DSC-013", table=("2.tif,A bridge", "2.tif,")),
    Change("photographs", (META, f"{DATE} dates"), "DSC-015", table=(f"2.tif{REST}", "2.tif,A bridge,May\n")),
]  # fmt: skip


def a_good_drop(tmp_path: Path, gate: str) -> dict[str, bytes]:
    return delivered(
        gate,
        {scan(gate, number): tiff(tmp_path, gate, samples_of(gate, small(number))) for number in range(1, 7)},
    )


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.gate}-{'-'.join(change.demand)}")
def test_each_demand_that_a_whole_drop_can_break_is_found_and_nothing_else(
    at_the_gate: Gate, tmp_path: Path, change: Change
):
    files = a_good_drop(tmp_path, change.gate)
    for name in change.without:
        del files[name]
    if change.table[0]:
        before, after = (text.encode() for text in change.table)
        assert before in files["metadata.csv"]
        files["metadata.csv"] = files["metadata.csv"].replace(before, after)
    found = at_the_gate.findings(change.gate, files)
    # Rectos and versos are sequences of their own, of which each may lack a number.
    assert {(issue.code, issue.severity) for issue in found} == {
        (change.code, outcomes(change.gate)[change.demand])
    }


@pytest.mark.parametrize("gate", GATES)
def test_a_delivery_as_agreed_has_no_finding(at_the_gate: Gate, tmp_path: Path, gate: str):
    files = a_good_drop(tmp_path, gate)
    # This one is long enough to have its focus measured.
    files[scan(gate, 1)] = tiff(tmp_path, gate, samples_of(gate, drawn(1).reduce(2)))
    assert at_the_gate.findings(gate, files) == []


@pytest.mark.parametrize("gate", GATES)
def test_every_demand_of_every_gate_has_a_file_or_a_drop_that_breaks_it(tmp_path: Path, gate: str):
    _, broken = one_faulty_drop(tmp_path, gate)
    tried = [*broken, *(change.demand for change in CHANGES if change.gate == gate)]
    assert sorted(tried) == sorted(outcomes(gate))


def test_every_shipped_policy_that_asks_more_of_images_than_to_be_whole_is_a_gate():
    names = [name.removesuffix(".toml") for name in shipped_policies() if name.endswith(".toml")]
    asking = {"image-specification", "page-content", "file-names", "paired-files", "descriptive-metadata"}
    assert [
        name for name in names if asking & {asked.check for asked in policy_of(name).terms.screens}
    ] == sorted(GATES)
