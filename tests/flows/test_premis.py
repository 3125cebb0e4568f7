"""PREMIS of real packages of every shape, held against rules and the schema; and the times that come back."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from copy import deepcopy
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pypdf import PdfReader, PdfWriter
from services.clamav import Scanner
from support.archives import Archive, keep_versions_that_lack
from support.command_runs import near
from support.flow_runs import installed
from support.premis_rules import P, PremisRecord, faults, original_name, outcome, related, roles

from demonstration.drawing import document, photograph, save_scan, srgb_profile

SIZE = (120, 80)
NAMES = ("100%.txt", "line\nbreak.txt", "ends .txt ", "nel\u0085.txt", "bell\x07.txt", "é.txt", "e\u0301.txt")
LONG_AGO = -6_374_419_200 * 10**9 + 123_456_789
FAR_AHEAD = 4_354_819_198 * 10**9
APPROVED = ("--approve", "Nobody can scan it again.", "--by", "Ada Lund")


def locked(user: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document(2, "Index"))))
    writer.encrypt(user, "the owner's", algorithm="AES-256", permissions_flag=0)
    sink = io.BytesIO()
    writer.write(sink)
    return sink.getvalue()


def a_folder(root: Path) -> Path:
    drop = root / "sheet-012"
    drop.mkdir(parents=True)
    save_scan(photograph(SIZE, 0.2), drop / "page_001.tif", 300, srgb_profile())
    save_scan(photograph(SIZE, 0.9), drop / "cover.bmp", 300)
    (drop / "metadata.csv").write_text("filename,title,rights\nsheet-012,Blatt 12,Public domain & free\n")
    for name in NAMES:
        (drop / name).write_text(f"This is the text of one file of many: {name!a}\n" * 30)
    os.utime(drop / "page_001.tif", ns=(LONG_AGO, LONG_AGO))
    os.utime(drop / "cover.bmp", ns=(FAR_AHEAD, FAR_AHEAD))
    return drop


def a_bag(root: Path) -> Path:
    bag = root / "letters"
    bag.mkdir(parents=True)
    (bag / "letter.txt").write_text("Dear brother\n" * 30)
    subprocess.run([sys.executable, "-m", "bagit", "--sha512", bag], check=True, capture_output=True)
    return bag


def a_zip(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    save_scan(photograph(SIZE, 0.4), root / "page.tif", 300)
    with zipfile.ZipFile(root / "plates.zip", "w") as packed:
        packed.write(root / "page.tif", "plates/page.tif")
    return root / "plates.zip"


def a_file_with_its_manifest(root: Path) -> list[Path]:
    root.mkdir(parents=True, exist_ok=True)
    save_scan(photograph(SIZE, 0.7), root / "plate-7.tif", 300)
    digest = md5((root / "plate-7.tif").read_bytes(), usedforsecurity=False).hexdigest()
    (root / "plate-7.tif.md5").write_text(f"{digest}  plate-7.tif\n")
    return [root / "plate-7.tif", root / "plate-7.tif.md5"]


def what_has_to_be_approved(root: Path) -> Path:
    drop = root / "torn"
    drop.mkdir(parents=True)
    save_scan(photograph(SIZE, 0.5), drop / "page_001.tif", 300)
    torn = (drop / "page_001.tif").read_bytes()
    (drop / "page_001.tif").write_bytes(torn[: len(torn) // 2])
    (drop / "locked.pdf").write_bytes(locked("secret"))
    (drop / "restricted.pdf").write_bytes(locked(""))
    return drop


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, clamd: Scanner) -> Archive:
    """An archive of packages of every shape."""
    root = tmp_path_factory.mktemp("premis")
    archive = near(installed(root / "archive"))
    keep_versions_that_lack(archive)
    images = archive.directory / "policies" / "digitized-images.toml"
    for check in ("decodable-images", "sound-documents"):
        text = images.read_text()
        images.write_text(re.sub(rf'({check}"\noutcome\s*=) "reject"', r'\1 "ask"', text))
    images.write_text(images.read_text().replace('encrypted = "reject"', 'encrypted = "ask"'))
    bits = archive.directory / "policies" / "bit-level.toml"
    bits.write_text(bits.read_text().replace("[intake]\n", '[intake]\nvirus_scan = "require"\n'))
    drops = root / "drops"
    folder = a_folder(drops)
    told = archive.preserve(
        folder, a_bag(drops), a_zip(drops / "zip"), *a_file_with_its_manifest(drops / "one")
    )
    waiting = what_has_to_be_approved(drops)
    told += archive.preserve(waiting)
    assert told.pop()["verdict"] == "waiting"
    told += archive.preserve(waiting, more=APPROVED)
    (folder / "page_002.tif").write_bytes((folder / "page_001.tif").read_bytes())
    (folder / "100%.txt").rename(folder / "200%.txt")
    (folder / "é.txt").write_text("Changed\n" * 50)
    told += archive.preserve(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUNIMENT_VIRUS__CLAMD", clamd.address)
        told += archive.preserve(a_bag(drops / "scanned"), collection="files")
    assert {one["verdict"] for one in told} == {"stored"}, told
    return archive


VERSIONS = (
    "images/sheet-012/v1", "images/sheet-012/v2", "images/letters/v1", "images/plates/v1",
    "images/plate-7.tif/v1", "images/torn/v1", "files/letters/v1",
)  # fmt: skip


def record_of(kept: Archive, version: str) -> PremisRecord:
    return PremisRecord.of(kept.store("first") / version)


def payload_of(kept: Archive, version: str, room: Path) -> dict[str, bytes]:
    owner, _, number = version.rpartition("/v")
    done = kept.run("restore", owner, room, "--whole", "--version", number)
    assert done.returncode == 0, done.stderr
    return {
        str(path.relative_to(room)): path.read_bytes()
        for path in (room / "data").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_record_of_every_shape_breaks_no_rule(kept: Archive, version: str, tmp_path: Path):
    assert faults(record_of(kept, version), payload_of(kept, version, tmp_path / "whole")) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_record_of_every_shape_is_valid_premis_3(kept: Archive, version: str, corpora: Path):
    parser = etree.XMLParser(no_network=True)
    schema = etree.XMLSchema(etree.parse(corpora / "premis-v3-0" / "xsd", parser))
    schema.assertValid(etree.ElementTree(record_of(kept, version).root))


def test_no_two_packages_give_one_identifier_to_two_things(kept: Archive):
    seen: dict[tuple[str, str], str] = {}
    for version in VERSIONS:
        for name in record_of(kept, version).objects:
            if name[0] != "Muniment object":
                assert seen.setdefault(name, version) == version, name
    assert len(seen) > 40


def test_a_second_version_supersedes_the_first_and_its_files_name_those_that_have_their_bytes(kept: Archive):
    first, second = (record_of(kept, f"images/sheet-012/v{number}") for number in (1, 2))
    version = second.objects["Muniment package", "images/sheet-012/v2"]
    assert ("supersedes", ("Muniment package", "images/sheet-012/v1")) in set(related(version))
    files = second.files("originals")
    same = {
        path: first.objects[other]
        for path, one in files.items()
        for sub, other in related(one)
        if sub == "has same content as"
    }
    assert files.keys() - same.keys() == {"é.txt"}
    assert original_name(same["200%.txt"]) == "100%.txt"
    assert original_name(same["page_002.tif"]) == "page_001.tif"
    place = files["200%.txt"].findtext(f".//{P}contentLocationValue")
    assert place == "muniment://images/sheet-012/v1/data/originals/100%25.txt"
    assert files["é.txt"].findtext(f".//{P}contentLocationValue") == "data/originals/é.txt"


def test_originals_preservation_copies_and_access_copies_are_representations(kept: Archive):
    record = record_of(kept, "images/sheet-012/v1")
    includes = {
        name: [other for sub, other in related(one) if sub == "includes"]
        for name, one in record.objects.items()
        if one.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "representation"
    }
    assert {name[1]: len(files) for name, files in includes.items()} == {
        "muniment://images/sheet-012/v1/data/originals/": 10,
        "muniment://images/sheet-012/v1/data/preservation/": 1,
        "images/sheet-012/v1/": 2,
    }
    [copy] = record.files("preservation").values()
    assert copy.findtext(f".//{P}formatRegistryKey") == "fmt/353"
    assert len(record.events_of("creation")) == 3
    assert len(record.events_of("normalization")) == 2


def test_damage_that_a_person_had_kept_is_a_failure_and_the_person_its_authorizer(kept: Archive):
    record = record_of(kept, "images/torn/v1")
    of_files = {
        one.findtext(f"{P}linkingObjectIdentifier/{P}linkingObjectIdentifierValue"): one
        for one in record.events_of("validation")
    }
    at = "muniment://images/torn/v1/data/originals/"
    assert outcome(of_files[f"{at}page_001.tif"]) == "fail"
    assert any(agent.startswith("software/Pillow/") for agent in roles(of_files[f"{at}page_001.tif"]))
    assert outcome(of_files[at]) == "fail"
    assert "1 damaged" in etree.tostring(of_files[at], encoding="unicode")
    approved = [one for one in record.events_of("policy assignment") if "person/Ada Lund" in roles(one)]
    assert [roles(one)["person/Ada Lund"] for one in approved] == [["authorizer"]]
    assert record.agents["local", "person/Ada Lund"].findtext(f"{P}agentType") == "person"


def test_a_locked_pdf_inhibits_all_content_and_a_restricted_one_only_what_it_withholds(kept: Archive):
    files = record_of(kept, "images/torn/v1").files("originals")

    def inhibited(name: str) -> tuple[list[str | None], list[str | None]]:
        return tuple(  # type: ignore[return-value]
            [one.text for one in files[name].iter(f"{P}{unit}")]
            for unit in ("inhibitorType", "inhibitorTarget")
        )

    assert inhibited("locked.pdf") == (["Password protection"], ["All content"])
    kind, targets = inhibited("restricted.pdf")
    assert kind == ["Password protection"]
    assert "Print Function" in targets
    assert "All content" not in targets


def test_a_virus_check_names_its_scanner_and_a_bag_its_readers(kept: Archive):
    record = record_of(kept, "files/letters/v1")
    [check] = record.events_of("virus check")
    assert any(agent.startswith("software/ClamAV/") for agent in roles(check)), roles(check)
    agents = {agent for one in record.events_of("validation") for agent in roles(one)}
    assert any(agent.startswith("software/bagit/1.") for agent in agents), agents


def test_a_validation_that_looked_into_nothing_is_no_success(kept: Archive):
    validations = record_of(kept, "files/letters/v1").events_of("validation")
    [screened] = [one for one in validations if "screened" in etree.tostring(one, encoding="unicode")]
    assert outcome(screened) == "warning"


def test_rights_are_what_was_supplied_and_none_where_nothing_was(kept: Archive):
    rights = record_of(kept, "images/sheet-012/v1").root.findall(f"{P}rights")
    assert [one.findtext(f".//{P}otherRightsNote") for one in rights] == ["Public domain & free"]
    assert record_of(kept, "images/plates/v1").root.findall(f"{P}rights") == []


def test_names_that_bagit_cannot_read_stand_on_the_receipt_and_in_the_readme(kept: Archive):
    receipts = kept.directory / "receipts" / "images" / "sheet-012"
    told = [json.loads(path.read_text()) for path in receipts.glob("*.json")]
    codes = {one["object_version"]: {issue["code"] for issue in one["issues"]} for one in told}
    assert "PKG-001" in codes[1]
    assert "bagit.py" in (kept.store("first") / "images/sheet-012/v1/README.txt").read_text()
    assert "bagit.py" not in (kept.store("first") / "images/plates/v1/README.txt").read_text()


def test_restored_originals_have_the_times_that_they_were_dropped_with(kept: Archive, tmp_path: Path):
    dropped = kept.directory.parent / "drops" / "sheet-012"
    for number, arguments in enumerate(((), ("--whole",), ("--file", "page_001.tif"))):
        target = tmp_path / f"{number}"
        done = kept.run("restore", "images/sheet-012", target, *arguments, "--json")
        told: dict[str, Any] = json.loads(done.stdout)
        root = target / "data" / "originals" if "--whole" in arguments else target
        restored = [path for path in root.rglob("*") if path.is_file()]
        unlike = [
            path.name
            for path in restored
            if path.stat().st_mtime_ns != (dropped / path.relative_to(root)).stat().st_mtime_ns
        ]
        assert (unlike, [one["code"] for one in told["issues"] if one["code"] == "RST-012"]) == ([], [])
        assert restored


def test_without_the_record_as_it_was_kept_the_files_come_back_and_that_is_said(
    kept: Archive, tmp_path: Path
):
    shutil.copytree(kept.directory, tmp_path / "archive", symlinks=True)
    hurt = near(Archive(tmp_path / "archive", kept.api_url))
    for store in ("first", "second"):
        record = hurt.store(store) / "images/plates/v1/metadata/premis.xml"
        record.chmod(0o644)
        record.write_bytes(record.read_bytes().replace(b"page.tif", b"gage.tif"))
    done = hurt.run("restore", "images/plates", tmp_path / "back", "--json")
    told = json.loads(done.stdout)
    assert (told["complete"], [one["code"] for one in told["issues"]]) == (True, ["RST-012"])


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        ("objectIdentifierValue", "described and not there"),
        ("originalName", "its originalName is"),
        ("messageDigest", "another sha256"),
        ("linkingAgentIdentifierValue", "and not back"),
        ("relatedObjectIdentifierValue", "and that is not"),
    ],
)
def test_the_rules_notice_a_record_that_breaks_them(kept: Archive, tmp_path: Path, spoil: str, fault: str):
    version = "images/sheet-012/v1"
    payload = payload_of(kept, version, tmp_path / "whole")
    root = deepcopy(record_of(kept, version).root)
    for element in list(root.iter(f"{P}{spoil}"))[:1]:
        element.text = f"{(element.text or '')[:-1]}!"
    found: list[str] = []
    try:
        found = faults(PremisRecord(root), payload)
    except KeyError:
        # An agent that is nowhere.
        found = ["and not back"]
    assert any(fault in one for one in found), found
