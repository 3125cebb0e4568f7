"""What a package says of its object and its files: what was supplied, names, and counts."""

from __future__ import annotations

from pathlib import Path

from lxml import etree
from support.packages import Drop

from preservation.packaging.planning import plan_package


def test_without_supplied_metadata_the_record_holds_names_and_counts_only(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one")
    plan = plan_package(drop.contents(), drop.workspace)
    record = etree.parse(drop.workspace / "bag" / "metadata" / "descriptive" / "dc.xml")

    assert [(etree.QName(element).localname, element.text) for element in record.getroot()] == [
        ("title", "sheet-012"),
        ("format", "image/tiff"),
        ("format", "1 file, 3 bytes"),
        ("identifier", "maps/sheet-012"),
    ]
    assert plan.summary.payload_files == 1


def test_what_a_table_says_of_a_file_stands_at_the_file_in_premis(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one")
    drop.add("other.tif", b"two")
    drop.add("metadata.csv", b"filename,dc.title,dc.date\nobjects/page.tif,Mill & <weir>,1911\n")
    plan_package(drop.contents(), drop.workspace)
    names = {
        "p": "http://www.loc.gov/premis/v3",
        "dc": "http://purl.org/dc/elements/1.1/",
    }
    premis = etree.parse(drop.workspace / "bag" / "metadata" / "premis.xml")

    described = premis.xpath(
        "//p:object[p:objectCharacteristics/p:objectCharacteristicsExtension]", namespaces=names
    )

    assert [found.findtext("p:originalName", namespaces=names) for found in described] == ["page.tif"]
    assert described[0].xpath(".//dc:*/text()", namespaces=names) == ["Mill & <weir>", "1911"]
