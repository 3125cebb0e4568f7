"""Rules of RFC 8493 about tag files, broken: how they are written, and what they may say."""

from __future__ import annotations

import codecs
from functools import partial
from pathlib import Path

import pytest
from support.bag_verdicts import LETTER, errors, verdict_on, warnings
from support.bags import PAYLOAD, bag_files, declaration, manifest

from preservation.bagit import codes, reading
from preservation.bagit.tagtext import TagAllowance


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, codes.DECLARATION_MISSING),
        (b"", codes.DECLARATION_MALFORMED),
        (codecs.BOM_UTF8 + declaration(), codes.DECLARATION_MALFORMED),
        (declaration().decode().encode("utf-16"), codes.DECLARATION_MALFORMED),
        (b"BagIt-Version: 1.0\n", codes.DECLARATION_MALFORMED),
        (declaration("1.0 "), codes.DECLARATION_MALFORMED),
        (declaration(" 1.0"), codes.DECLARATION_MALFORMED),
        (declaration(".97"), codes.DECLARATION_MALFORMED),
        (declaration() + b"More: lines\n", codes.DECLARATION_MALFORMED),
        (b" " + declaration(), codes.DECLARATION_MALFORMED),
        (declaration().replace(b"Version:", b"Version :"), codes.DECLARATION_MALFORMED),
        (b"".join(reversed(declaration().splitlines(keepends=True))), codes.DECLARATION_MALFORMED),
        (declaration("2.0"), codes.VERSION_UNKNOWN),
        (declaration("0.92"), codes.VERSION_UNKNOWN),
        (declaration(encoding="EBCDIC-OF-MARS"), codes.ENCODING_UNKNOWN),
        (declaration(encoding="rot13"), codes.ENCODING_UNKNOWN),
    ],
)
def test_a_declaration_that_is_not_what_it_must_be_is_refused(
    tmp_path: Path, content: bytes | None, code: str
):
    verdict = verdict_on(tmp_path, bag_files(replacing={"bagit.txt": content}))
    assert errors(verdict) == {code}
    assert (verdict.complete, verdict.version is None) == (False, code != codes.ENCODING_UNKNOWN)


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_all_three_line_ends_are_read(tmp_path: Path, line_end: str):
    plain = bag_files()
    names = ["bagit.txt", "bag-info.txt", "manifest-sha256.txt"]
    tags = {name: plain[name].replace(b"\n", line_end.encode()) for name in names}
    assert verdict_on(tmp_path, bag_files(replacing=tags)).issues == ()


def test_the_last_line_needs_no_end(tmp_path: Path):
    plain = bag_files()
    tags = {name: plain[name].rstrip() for name in ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")}
    assert verdict_on(tmp_path, bag_files(replacing=tags)).issues == ()


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32", "ISO-8859-1", "UTF-8"])
def test_tag_files_may_be_in_any_encoding(tmp_path: Path, encoding: str):
    payload = {"data/Müller 50%.txt": b"x", "data/a\nb": b"y"}
    verdict = verdict_on(tmp_path, bag_files(payload, encoding=encoding, version="0.97"))
    assert verdict.issues == ()


def test_utf_16_without_a_mark_is_read_in_either_order(tmp_path: Path):
    for order in ("utf-16-be", "utf-16-le"):
        tags = {"manifest-sha256.txt": manifest(PAYLOAD, encoding=order), "bag-info.txt": None}
        files = bag_files(encoding="UTF-16", replacing=tags)
        files["tagmanifest-sha256.txt"] = files["tagmanifest-sha256.txt"].decode("utf-16").encode(order)
        assert verdict_on(tmp_path / order, files).issues == ()


def test_a_manifest_that_is_not_in_the_declared_encoding_is_refused(tmp_path: Path):
    payload = {"data/Müller.txt": b"x"}
    broken = bag_files(payload, replacing={"manifest-sha256.txt": manifest(payload, encoding="latin-1")})
    assert codes.TAG_FILE_UNREADABLE in errors(verdict_on(tmp_path / "utf-8", broken))
    ascii_bag = bag_files(payload, encoding="UTF-8", replacing={"bagit.txt": declaration(encoding="ASCII")})
    assert codes.TAG_FILE_UNREADABLE in errors(verdict_on(tmp_path / "ascii", ascii_bag))


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path):
    files = bag_files(replacing={"manifest-sha256.txt": b"0" * 2_000_000})
    assert codes.TAG_FILE_UNREADABLE in errors(verdict_on(tmp_path, files))


def test_a_byte_order_mark_in_a_utf_8_manifest_is_an_error_from_1_0_on(tmp_path: Path):
    marked = {"manifest-sha256.txt": codecs.BOM_UTF8 + manifest(PAYLOAD)}
    assert errors(verdict_on(tmp_path / "a", bag_files(replacing=marked))) == {codes.BYTE_ORDER_MARK}
    older = verdict_on(tmp_path / "b", bag_files(version="0.97", replacing=marked))
    assert (older.valid, warnings(older)) == (True, {codes.BYTE_ORDER_MARK})


def test_a_tag_manifest_lists_no_payload_and_from_1_0_on_no_tag_manifest(tmp_path: Path):
    files = bag_files(algorithms=("md5", "sha256"))
    files["tagmanifest-md5.txt"] += manifest({LETTER: PAYLOAD[LETTER]}, "md5")
    files["tagmanifest-md5.txt"] += manifest(
        {"tagmanifest-sha256.txt": files["tagmanifest-sha256.txt"]}, "md5"
    )
    assert errors(verdict_on(tmp_path, files)) == {
        codes.PAYLOAD_IN_TAG_MANIFEST,
        codes.TAG_MANIFEST_IN_TAG_MANIFEST,
    }


def test_a_tag_manifest_must_list_payload_manifests_and_should_list_the_rest(tmp_path: Path):
    files = bag_files()
    files["tagmanifest-sha256.txt"] = manifest({"bagit.txt": files["bagit.txt"]})
    verdict = verdict_on(tmp_path, files)
    assert (errors(verdict), warnings(verdict)) == ({codes.MANIFEST_UNLISTED}, {codes.TAG_FILE_UNLISTED})
    older = bag_files(version="0.97")
    older["tagmanifest-sha256.txt"] = manifest({"bagit.txt": older["bagit.txt"]})
    assert verdict_on(tmp_path / "older", older).valid


def test_a_changed_or_missing_tag_file_is_noticed(tmp_path: Path):
    files = bag_files()
    changed = files | {"bag-info.txt": files["bag-info.txt"].replace(b"Ada", b"Eve")}
    verdict = verdict_on(tmp_path / "a", changed)
    assert (errors(verdict), verdict.complete) == ({codes.DIGEST_MISMATCH}, True)
    del files["bag-info.txt"]
    assert errors(verdict_on(tmp_path / "b", files)) == {codes.FILE_MISSING}


@pytest.mark.parametrize("line", [b"abc  data/letter.txt\n", b"nonsense\n", b"  data/letter.txt\n"])
def test_a_malformed_manifest_line_is_refused(tmp_path: Path, line: bytes):
    files = bag_files(replacing={"manifest-sha256.txt": manifest(PAYLOAD) + line})
    assert errors(verdict_on(tmp_path, files)) == {codes.MANIFEST_LINE_MALFORMED}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"  data/", b" *data/", codes.MANIFEST_LEGACY),
        (b"  data/", b"  ./data/", codes.PATH_LOOSE),
        (b"  data/", b"  data//", codes.PATH_LOOSE),
        (b".txt\n", b".txt \n", codes.PATH_LOOSE),
        (b"\n", b"\n\n", codes.MANIFEST_LEGACY),
    ],
)
def test_what_other_tools_write_is_understood_with_a_warning(
    tmp_path: Path, old: bytes, new: bytes, code: str
):
    legacy = manifest(PAYLOAD).replace(old, new)
    verdict = verdict_on(tmp_path, bag_files(replacing={"manifest-sha256.txt": legacy}))
    assert (verdict.valid, warnings(verdict)) == (True, {code})


def test_an_upper_case_digest_and_a_tab_are_as_good(tmp_path: Path):
    shouted = "".join(
        f"{digest.upper()}\t{path}\n"
        for digest, path in (line.split("  ") for line in manifest(PAYLOAD).decode().splitlines())
    )
    assert verdict_on(tmp_path, bag_files(replacing={"manifest-sha256.txt": shouted.encode()})).issues == ()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"Payload-Oxum: 25.3\n", codes.OXUM_MISMATCH),
        (b"payload-oxum: 24.2\n", codes.OXUM_MISMATCH),
        (b"Payload-Oxum: many\n", codes.OXUM_MALFORMED),
        (b"Payload-Oxum: 25.2\nPAYLOAD-OXUM: 25.2\n", codes.OXUM_MALFORMED),
        (b"no label\n", codes.BAG_INFO_MALFORMED),
        (b" continues: nothing\n", codes.BAG_INFO_MALFORMED),
    ],
)
def test_metadata_that_is_wrong_is_refused(tmp_path: Path, line: bytes, code: str):
    verdict = verdict_on(tmp_path, bag_files(replacing={"bag-info.txt": line}))
    assert errors(verdict) == {code}


def test_before_1_0_white_space_around_the_colon_is_free(tmp_path: Path):
    loose = {"bag-info.txt": b"Contact-Name  :\t Ada\nPayload-Oxum:25.2\n"}
    assert verdict_on(tmp_path / "a", bag_files(version="0.97", replacing=loose)).issues == ()
    assert warnings(verdict_on(tmp_path / "b", bag_files(replacing=loose))) == {codes.BAG_INFO_LOOSE}


def test_a_file_that_is_still_to_be_fetched_makes_the_bag_incomplete(tmp_path: Path):
    fetch = {"fetch.txt": b"https://example.org/letter 13 data/letter.txt\n"}
    files = bag_files(replacing=fetch)
    assert verdict_on(tmp_path / "fetched", files).issues == ()
    del files[LETTER]
    verdict = verdict_on(tmp_path / "holey", files)
    assert (verdict.complete, errors(verdict)) == (False, {codes.FILE_NOT_FETCHED, codes.OXUM_MISMATCH})
    assert any("https://example.org/letter" in issue.message for issue in verdict.issues)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("https://example.org/a - data/unlisted", codes.FETCH_UNLISTED),
        ("https://example.org/a - bag-info.txt", codes.FETCH_UNLISTED),
        ("letter - data/letter.txt", codes.FETCH_MALFORMED),
        ("https://example.org/a data/letter.txt", codes.FETCH_MALFORMED),
        ("https://example.org/a many data/letter.txt", codes.FETCH_MALFORMED),
    ],
)
def test_a_fetch_file_that_promises_what_no_manifest_does_is_refused(tmp_path: Path, line: str, code: str):
    verdict = verdict_on(tmp_path, bag_files(replacing={"fetch.txt": f"{line}\n".encode()}))
    assert errors(verdict) == {code}


def test_a_fetched_file_of_another_length_is_warned_of(tmp_path: Path):
    fetch = {"fetch.txt": b"https://example.org/letter 12 data/letter.txt\n"}
    verdict = verdict_on(tmp_path, bag_files(replacing=fetch))
    assert (verdict.valid, warnings(verdict)) == (True, {codes.FETCH_INEXACT})


@pytest.mark.parametrize("allowance", [{"lines": 3}, {"characters": 200}])
def test_tag_files_that_are_too_much_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowance: dict[str, int]
):
    monkeypatch.setattr(reading, "TagAllowance", partial(TagAllowance, **allowance))
    verdict = verdict_on(tmp_path, bag_files(replacing={"bag-info.txt": b"Contact-Name: x\n" * 100}))
    assert codes.TAG_FILE_UNREADABLE in errors(verdict)
    assert any("of one bag are read up to" in issue.message for issue in verdict.issues)


def test_a_value_of_very_many_lines_is_one_value(tmp_path: Path):
    info = b"Contact-Name: x\n" + b" y\n" * 20_000
    assert errors(verdict_on(tmp_path, bag_files(replacing={"bag-info.txt": info}))) == set()
