from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from support.packages import (
    AT,
    MUNIMENT,
    SIEGFRIED,
    Drop,
    a_map_sheet,
    a_refusal,
    an_event,
    an_issue,
    policy_from,
    surveyed,
)

from preservation.model.dossiers import Dossier
from preservation.model.events import EventOutcome, EventType
from preservation.model.identifiers import PackageId, VersionNumber
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.premis.contents import PremisContents
from preservation.premis.units import file_time, leaf, path_value
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
        if element.findtext(f"{P}objectIdentifier/{P}objectIdentifierValue") == path:
            return element
    raise AssertionError(f"nothing about {path}")


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


def test_an_image_has_its_significant_properties(tmp_path: Path):
    page = about(written(premis_contents(a_map_sheet(tmp_path))), "data/originals/sheet 1.tif")
    properties = {element[0].text: element[1].text for element in page.iter(f"{P}significantProperties")}

    assert properties["image width in pixels"] == "4000"
    assert properties["resolution in dots per inch"] == "300 x 300"
    assert properties["ICC profile"] == "Adobe RGB (1998)"


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
    assert onward.findtext(f".//{P}relatedObjectIdentifierValue") == "data/preservation/sheet 2.tif"
    assert back.findtext(f".//{P}relatedObjectIdentifierValue") == "data/originals/sheet 2.bmp"
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


def test_an_access_derivative_is_told_as_an_event_but_is_no_object(tmp_path: Path):
    record = written(premis_contents(a_map_sheet(tmp_path)))

    with pytest.raises(AssertionError):
        about(record, "data/preservation/sheet 1.tif")
    assert any("for access" in (element.text or "") for element in record.iter(f"{P}eventDetail"))


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
    assert event.findtext(f".//{P}linkingObjectIdentifierValue") == "data/originals/page.tif"
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


def test_every_identifier_that_is_linked_to_is_defined(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    drop.derivatives.append(a_refusal("\u202eevil<b>&.tif"))
    record = written(premis_contents(drop))

    for defined, links in (
        ("objectIdentifier", ("relatedObjectIdentifier", "linkingObjectIdentifier")),
        ("eventIdentifier", ("relatedEventIdentifier", "linkingEventIdentifier")),
        ("agentIdentifier", ("linkingAgentIdentifier",)),
    ):
        known = [(element[0].text, element[1].text) for element in record.iter(f"{P}{defined}")]
        assert len(known) == len(set(known)), defined
        for link in links:
            assert {(element[0].text, element[1].text) for element in record.iter(f"{P}{link}")} <= set(known)


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

    assert highest < 500_000
