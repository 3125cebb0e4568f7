from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from msgspec import structs
from support.packages import (
    AT,
    MUNIMENT,
    SIEGFRIED,
    Drop,
    a_map_sheet,
    a_refusal,
    an_event,
    an_image,
    an_issue,
    policy_from,
    surveyed,
)
from support.premis_rules import XSI, PremisRecord, faults, original_name, related

from preservation.model.derivatives import Derivative
from preservation.model.digests import Algorithm
from preservation.model.dossiers import Dossier
from preservation.model.events import EventOutcome, EventType
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import PackageId, VersionNumber
from preservation.model.issues import Severity
from preservation.model.locators import Locator
from preservation.model.paths import BagPath, RelativePath
from preservation.model.screening import ScreenedFile
from preservation.premis.contents import PremisContents
from preservation.premis.units import file_time, leaf, path_value
from preservation.premis.units import original_name as as_original_name
from preservation.premis.vocabulary import EVENT_OUTCOMES, EVENT_TYPES
from preservation.premis.writing import write_premis

P = "{http://www.loc.gov/premis/v3}"


def premis_contents(drop: Drop) -> PremisContents:
    submission = drop.submission()
    return PremisContents(
        package=PackageId(submission.object, VersionNumber(1)),
        submission=submission,
        policy=policy_from().reference,
        files=drop.contents().files,
        events=(an_event(),),
        engines=(SIEGFRIED,),
        software=MUNIMENT,
        created_at=AT,
    )


def written(contents: PremisContents) -> etree._Element:
    sink = io.BytesIO()
    write_premis(contents, sink)
    return etree.fromstring(sink.getvalue())


def about(record: etree._Element, path: str) -> etree._Element:
    for element in record.iter(f"{P}object"):
        if element.findtext(f".//{P}contentLocationValue") == path:
            return element
    raise AssertionError(f"nothing about {path}")


def address(path: str) -> str:
    return f"muniment://maps/sheet-012/v1/{quote(path)}"


def test_a_file_is_described_by_its_path_digests_size_format_and_decision(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    page = about(written(premis_contents(drop)), "data/originals/sheet 1.tif")

    digests = dict(surveyed("sheet 1.tif", b"II*\0 one").digests)
    assert [element.text for element in page.iter(f"{P}messageDigest")] == list(digests.values())
    assert {element.text for element in page.iter(f"{P}messageDigestOriginator")} == {"Muniment 0.1.0"}
    assert page.findtext(f".//{P}size") == "8"
    assert page.findtext(f".//{P}formatRegistryKey") == "fmt/353"
    assert page.findtext(f"{P}originalName") == "sheet 1.tif"
    written_to = surveyed("sheet 1.tif", b"II*\0 one").modified
    assert page.findtext(f".//{P}dateCreatedByApplication") == file_time(written_to) != ""
    assert page.findtext(f".//{P}preservationLevelValue") == "retain"
    assert page.findtext(f".//{P}preservationLevelRationale") == (
        "So that it lasts <always> & everywhere. (rule a-rule of test-images revision 3)"
    )


def test_an_image_has_its_technical_facts_in_mix_and_no_significant_properties(tmp_path: Path):
    page = about(written(premis_contents(a_map_sheet(tmp_path))), "data/originals/sheet 1.tif")

    assert page.findtext(".//{http://www.loc.gov/mix/v20}imageWidth") == "4000"
    assert page.findtext(".//{http://www.loc.gov/mix/v20}iccProfileName") == "Adobe RGB (1998)"
    assert page.find(f"{P}significantProperties") is None


def test_a_derivative_and_its_source_point_to_each_other_and_to_the_event_that_made_it(tmp_path: Path):
    record = written(premis_contents(a_map_sheet(tmp_path)))
    source = about(record, "data/originals/sheet 2.bmp")
    made = about(record, "data/preservation/sheet 2.tif")

    derived = {
        relationship.findtext(f"{P}relationshipSubType"): relationship
        for element in (source, made)
        for relationship in element.iter(f"{P}relationship")
    }
    onward, back = derived["is source of"], derived["has source"]
    copy = address("data/preservation/sheet 2.tif")
    assert onward.findtext(f".//{P}relatedObjectIdentifierValue") == copy
    assert back.findtext(f".//{P}relatedObjectIdentifierValue") == address("data/originals/sheet 2.bmp")
    assert made.findtext(f".//{P}formatRegistryKey") == "fmt/353"
    assert made.findtext(f".//{P}preservationLevelType") == "logical preservation"
    (event,) = [
        element
        for element in record.iter(f"{P}event")
        if element.findtext(f".//{P}eventIdentifierValue")
        == onward.findtext(f".//{P}relatedEventIdentifierValue")
    ]
    assert event.findtext(f"{P}eventType") == "normalization"
    assert event.findtext(f".//{P}eventOutcomeDetailNote") == (
        "same-pixels holds: 12,000,000 of 12,000,000 pixels equal"
    )
    agents = [element.text for element in event.iter(f"{P}linkingAgentIdentifierValue")]
    assert agents == ["software/Pillow/12.0.0", "software/tifffile/2025.6.11"]


def test_an_access_copy_is_a_creation_and_a_file_outside_of_the_package_that_nobody_preserves(tmp_path: Path):
    record = written(premis_contents(a_map_sheet(tmp_path)))
    copy = about(record, "maps/sheet-012/v1/sheet 1.tif")
    [event] = [one for one in record.iter(f"{P}event") if one.findtext(f"{P}eventType") == "creation"]

    assert copy.findtext(f"{P}objectIdentifier/{P}objectIdentifierType") == "Muniment access copy"
    assert copy.findtext(f".//{P}preservationLevelValue") == "not preserved"
    assert "for access" in (event.findtext(f".//{P}eventDetail") or "")
    assert copy.findtext(f"{P}linkingEventIdentifier/{P}linkingEventIdentifierValue") == event.findtext(
        f".//{P}eventIdentifierValue"
    )


def test_a_derivative_has_its_technical_facts_and_what_it_left_behind_is_noted(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    made = next(one for one in drop.derivatives if isinstance(one, Derivative))
    drop.derivatives[0] = structs.replace(made, image=an_image(), left_behind=("bmp:palette",))
    record = written(premis_contents(drop))
    copy = about(record, "data/preservation/sheet 2.tif")

    assert copy.findtext(".//{http://www.loc.gov/mix/v20}imageHeight") == "3000"
    notes = [element.text for element in record.iter(f"{P}eventOutcomeDetailNote")]
    assert "left behind: bmp:palette" in notes


def test_a_refused_derivative_is_a_failed_event_with_its_reason(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("anim.gif", b"GIF")
    drop.derivatives.append(a_refusal("anim.gif"))
    *_, event = written(premis_contents(drop)).iter(f"{P}event")

    assert event.findtext(f".//{P}eventOutcome") == "fail"
    assert "12 frames" in (event.findtext(f".//{P}eventOutcomeDetailNote") or "")


@pytest.mark.parametrize(
    ("severities", "outcome"),
    [
        ((Severity.INFO,), "success"),
        ((Severity.WARNING, Severity.INFO), "warning"),
        ((Severity.QUESTION,), "warning"),
        ((Severity.WARNING, Severity.ERROR), "fail"),
    ],
)
def test_what_screening_found_is_an_event_of_that_file(
    tmp_path: Path, severities: tuple[Severity, ...], outcome: str
):
    issues = tuple(an_issue("page.tif", severity) for severity in severities)
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one", screened=ScreenedFile(RelativePath(""), issues=issues))
    *_, event = written(premis_contents(drop)).iter(f"{P}event")

    assert event.findtext(f"{P}eventType") == "validation"
    assert event.findtext(f".//{P}eventOutcome") == outcome
    assert event.findtext(f".//{P}linkingObjectIdentifierValue") == address("data/originals/page.tif")
    assert len(list(event.iter(f"{P}eventOutcomeDetailNote"))) == len(issues)


def test_identification_names_its_engines_with_their_signatures(tmp_path: Path):
    record = written(premis_contents(a_map_sheet(tmp_path)))
    (event,) = [
        element
        for element in record.iter(f"{P}event")
        if element.findtext(f"{P}eventType") == "format identification"
    ]

    assert [element.text for element in event.iter(f"{P}linkingAgentIdentifierValue")] == [
        "software/Muniment/0.1.0",
        "software/siegfried/1.11.9",
    ]
    assert [element.text for element in record.iter(f"{P}agentNote")] == ["signatures: PRONOM V125"]


def test_a_record_with_everything_in_it_breaks_no_rule(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    drop.derivatives.append(a_refusal("\u202eevil<b>&.tif"))
    record = written(premis_contents(drop))

    payload = {
        f"data/originals/{file.path}": (drop.drop / file.path).read_bytes()
        for file in drop.found
        if isinstance(file, SurveyedFile) and file.path != ".DS_Store"
    }
    payload["data/preservation/sheet 2.tif"] = b"II*\0 two as tiff"
    assert faults(PremisRecord(record), payload) == []


def test_what_is_left_out_is_not_described(tmp_path: Path):
    record = written(premis_contents(a_map_sheet(tmp_path)))

    assert ".DS_Store" not in etree.tostring(record, encoding="unicode")


def test_all_event_types_and_outcomes_have_a_word_in_the_vocabulary():
    assert set(EVENT_TYPES) == set(EventType)
    assert set(EVENT_OUTCOMES) == set(EventOutcome)
    assert len({term.uri for term in EVENT_TYPES.values()}) == len(EventType)


names = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1)


@given(names)
def test_any_path_comes_back_from_its_identifier(path: str):
    element = etree.fromstring(leaf("path", path_value(path)))

    assert unquote_to_bytes(element.text or "").decode() == path


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name).map(os.fsdecode))
@example("bell\x07 100%.tif")
@example("e\u0301 \u0085\u2028\t.tif ")
def test_any_name_comes_back_exactly_from_its_original_name(name: str):
    element = etree.fromstring(f"<file xmlns='{P[1:-1]}'>{as_original_name(name)}</file>")

    assert original_name(element) == name


@given(names)
def test_a_name_that_xml_can_hold_is_not_escaped(name: str):
    unit = etree.fromstring(as_original_name(name))

    if all(
        character in "\t\n\r" or (character >= " " and character not in "\ufffe\uffff") for character in name
    ):
        assert (unit.text, unit.attrib) == (name, {})


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_is_well_formed_and_what_xml_can_hold_comes_back(text: str):
    element = etree.fromstring(leaf("note", text))

    if all(
        character in "\t\n\r" or (character >= " " and character not in "\ufffe\uffff") for character in text
    ):
        assert (element.text or "") == text


class ManyFiles:
    """Dossiers that are made as they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._file = surveyed("page.tif", b"one")

    def __iter__(self) -> Iterator[Dossier]:
        for _ in range(self._count):
            yield Dossier(self._file)


class Nowhere:
    def write(self, content: bytes, /) -> int:
        return len(content)


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path):
    contents = replace(premis_contents(Drop(tmp_path)), files=ManyFiles(20_000))

    tracemalloc.start()
    write_premis(contents, Nowhere())
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert highest < 800_000


def test_a_version_supersedes_the_one_before_and_what_has_its_bytes_there_says_where(tmp_path: Path):
    contents = premis_contents(a_map_sheet(tmp_path))
    package = replace(contents.package, version=VersionNumber(3))
    before = replace(contents.package, version=VersionNumber(1))
    page = surveyed("sheet 1.tif", b"II*\0 one")
    there = Locator(before, BagPath("data/originals/old 1.tif"))
    record = written(
        replace(contents, package=package, before=before, earlier={page.digests[Algorithm.SHA256]: there})
    )
    one = about(record, "muniment://maps/sheet-012/v1/data/originals/old%201.tif")

    assert one.findtext(f"{P}originalName") == "sheet 1.tif"
    assert ("has same content as", ("Muniment URI", there.url)) in set(related(one))
    version = PremisRecord(record).objects["Muniment package", "maps/sheet-012/v3"]
    assert ("supersedes", ("Muniment package", "maps/sheet-012/v1")) in set(related(version))


def test_a_package_of_no_file_has_a_record_without_representations(tmp_path: Path):
    record = written(premis_contents(Drop(tmp_path)))

    assert [one.get(XSI) for one in record.iter(f"{P}object")] == ["intellectualEntity"] * 2
