from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from support.packages import (
    Drop,
    a_map_sheet,
    a_refusal,
    an_event,
    an_image,
    an_issue,
    identified,
    unidentified,
)

from preservation.model.events import EventType
from preservation.model.files import EntryKind
from preservation.model.formats import EngineName, FormatMatch, Identification, MimeType, Puid
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import DocumentFacts, ScreenedFile
from preservation.packaging.planning import plan_package


@pytest.fixture(scope="session")
def schema(corpora: Path) -> etree.XMLSchema:
    path = corpora / "premis-v3-0" / "xsd"
    if not path.is_file():
        pytest.skip(f"the PREMIS schema is not at {path}")
    # It imports nothing, and nothing may be fetched.
    return etree.XMLSchema(etree.parse(path, etree.XMLParser(no_network=True)))


def premis_of(drop: Drop) -> etree._ElementTree:
    contents = replace(drop.contents(), events=tuple(an_event(kind) for kind in EventType))
    plan_package(contents, drop.workspace)
    return etree.parse(drop.workspace / "bag" / "metadata" / "premis.xml")


def a_drop_with_everything(root: Path) -> Drop:
    drop = a_map_sheet(root)
    drop.add("unknown.bin", b"?", identification=unidentified())
    drop.add("pages/metadata.csv", b"filename,dc.title,date\nlocked.pdf,Locked & <sealed>\x07,1911\n")
    either = tuple(
        FormatMatch(Puid(key), name, "1.0", "extension match", EngineName(engine))
        for key, name, engine in (("fmt/10", "TIFF", "siegfried"), ("fmt/353", "", "fido"))
    )
    drop.add(
        "either.tif", b"??", identification=Identification(either, None, MimeType("image/tiff"), ("two",))
    )
    drop.add(
        "locked.pdf",
        b"%PDF",
        identification=identified("fmt/18", "PDF"),
        screened=ScreenedFile(
            RelativePath(""),
            document=DocumentFacts(3, "1.4", encrypted=True, has_text=False, claims="PDF/A-1b"),
            issues=(an_issue("locked.pdf", Severity.WARNING, "locked with \x00 & <password>"),),
        ),
    )
    drop.add("anim.gif", b"GIF", screened=ScreenedFile(RelativePath(""), image=an_image()))
    drop.derivatives.append(a_refusal("anim.gif"))
    drop.add_irregular("pipe", EntryKind.DEVICE, "a named pipe")
    return drop


def test_everything_that_a_record_can_hold_is_valid_premis_3(schema: etree.XMLSchema, tmp_path: Path):
    schema.assertValid(premis_of(a_drop_with_everything(tmp_path)))


def test_the_smallest_record_is_valid_premis_3(schema: etree.XMLSchema, tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one")

    schema.assertValid(premis_of(drop))


def test_the_schema_would_notice_a_unit_out_of_place(schema: etree.XMLSchema, tmp_path: Path):
    record = premis_of(a_drop_with_everything(tmp_path))
    event = record.find("{*}event")
    assert event is not None
    event.append(event[0])

    assert not schema.validate(record)
