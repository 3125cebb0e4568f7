"""Every rule of RFC 8493 that a bag can break, broken, in a folder."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest
from building_bags import PAYLOAD, bag_files, codes_of, declaration, manifest, write

from preservation.bagit import codes
from preservation.bagit.validation import Validation, validate
from preservation.errors import NotFoundError
from preservation.model.issues import Severity

VERSIONS = ["0.93", "0.94", "0.95", "0.96", "0.97", "1.0"]
LETTER = "data/letter.txt"


def verdict_on(root: Path, files: dict[str, bytes]) -> Validation:
    return validate(write(root / "bag", files))


def errors(verdict: Validation) -> set[str]:
    return codes_of(issue for issue in verdict.issues if issue.severity is Severity.ERROR)


def warnings(verdict: Validation) -> set[str]:
    return codes_of(issue for issue in verdict.issues if issue.severity is Severity.WARNING)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_good_bag_of_any_version_is_valid_and_nothing_is_said_of_it(tmp_path: Path, version: str):
    verdict = verdict_on(tmp_path, bag_files(version=version, algorithms=("md5", "sha512")))
    assert (verdict.valid, verdict.complete, verdict.issues) == (True, True, ())
    assert str(verdict.version) == version
    assert (verdict.payload.files, verdict.payload.octets) == (2, 25)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_changed_file_is_named_and_the_bag_is_complete_but_not_valid(tmp_path: Path, version: str):
    files = bag_files(version=version) | {LETTER: b"Dear Reader,\n"}
    verdict = verdict_on(tmp_path, files)
    assert (verdict.valid, verdict.complete) == (False, True)
    assert [(issue.code, issue.path) for issue in verdict.issues] == [(codes.DIGEST_MISMATCH, LETTER)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_file_makes_the_bag_incomplete(tmp_path: Path, version: str):
    files = bag_files(version=version)
    del files[LETTER]
    verdict = verdict_on(tmp_path, files)
    assert (verdict.valid, verdict.complete) == (False, False)
    assert errors(verdict) == {codes.FILE_MISSING, codes.OXUM_MISMATCH}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_that_is_not_listed_makes_the_bag_incomplete(tmp_path: Path, version: str):
    verdict = verdict_on(tmp_path, bag_files(version=version) | {"data/more.txt": b""})
    assert not verdict.complete
    assert (codes.FILE_UNLISTED, "data/more.txt") in {(issue.code, issue.path) for issue in verdict.issues}


def test_from_1_0_on_every_payload_file_is_in_every_payload_manifest(tmp_path: Path):
    some = {LETTER: PAYLOAD[LETTER]}
    rest = {path: content for path, content in PAYLOAD.items() if path != LETTER}
    manifests = {"manifest-md5.txt": manifest(some, "md5"), "manifest-sha1.txt": manifest(rest, "sha1")}
    older = bag_files(version="0.97", algorithms=("sha1", "md5"), replacing=manifests)
    current = bag_files(version="1.0", algorithms=("sha1", "md5"), replacing=manifests)
    assert verdict_on(tmp_path / "older", older).valid
    assert errors(verdict_on(tmp_path / "current", current)) == {codes.FILE_UNLISTED_IN_ONE}


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


def test_what_a_bag_must_have_is_missed(tmp_path: Path):
    files = bag_files()
    without_manifest = {path: files[path] for path in files if "manifest" not in path}
    assert errors(verdict_on(tmp_path / "a", without_manifest)) == {
        codes.PAYLOAD_MANIFEST_MISSING,
    }
    empty = tmp_path / "empty"
    empty.mkdir()
    assert errors(validate(empty)) == {
        codes.DECLARATION_MISSING,
        codes.PAYLOAD_FOLDER_MISSING,
        codes.PAYLOAD_MANIFEST_MISSING,
    }


def test_a_bag_may_be_empty(tmp_path: Path):
    assert verdict_on(tmp_path, bag_files({})).valid


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "data/../../outside.txt",
        "/etc/passwd",
        "~/notes",
        "~root/notes",
        r"C:\boot.ini",
        r"\\server\share",
        r"data\..\..\outside",
    ],
)
@pytest.mark.parametrize("where", ["manifest-sha256.txt", "tagmanifest-sha256.txt", "fetch.txt"])
def test_a_path_that_leaves_the_bag_is_refused_and_not_opened(tmp_path: Path, path: str, where: str):
    write(tmp_path, {"outside.txt": b"secret"}, folders=())
    files = bag_files()
    if where == "fetch.txt":
        files[where] = f"https://example.org/x - {path}\n".encode()
    else:
        files[where] += manifest({path: b"secret"})
    assert codes.PATH_UNSAFE in errors(verdict_on(tmp_path, files))


def test_a_payload_manifest_lists_the_payload_only(tmp_path: Path):
    listed = manifest(PAYLOAD | {"bagit.txt": declaration()})
    verdict = verdict_on(tmp_path, bag_files(replacing={"manifest-sha256.txt": listed}))
    assert errors(verdict) == {codes.OUTSIDE_PAYLOAD}


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


def test_a_file_listed_twice_is_an_error_from_1_0_on(tmp_path: Path):
    twice = {"manifest-sha256.txt": manifest(PAYLOAD) * 2}
    assert errors(verdict_on(tmp_path / "a", bag_files(replacing=twice))) == {codes.LISTED_TWICE}
    older = verdict_on(tmp_path / "b", bag_files(version="0.97", replacing=twice))
    assert (older.valid, warnings(older)) == (True, {codes.LISTED_TWICE})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_listed_twice_with_different_digests_is_an_error(tmp_path: Path, version: str):
    twice = {"manifest-sha256.txt": manifest(PAYLOAD) + manifest({LETTER: b"other"})}
    verdict = verdict_on(tmp_path, bag_files(version=version, replacing=twice))
    assert errors(verdict) == {codes.LISTED_TWICE_DIFFERENTLY}


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
    "name", ["100%", "100%25", "a%0Ab", "a\nb", "a\r\nb", "%7E", "~a", " a ", "*a", "ü", "名"]
)
def test_any_name_is_written_and_found_again(tmp_path: Path, name: str):
    assert verdict_on(tmp_path, bag_files({f"data/{name}": b"x"})).issues == ()


@pytest.mark.parametrize("name", ["100%", "100%25", "%7E", "a%0Ab"])
def test_before_1_0_a_percent_sign_may_stand_for_itself(tmp_path: Path, name: str):
    raw = f"{manifest({'data/x': b'x'}).decode().split()[0]}  data/{name}\n".encode()
    files = bag_files({f"data/{name}": b"x"}, version="0.97", replacing={"manifest-sha256.txt": raw})
    assert verdict_on(tmp_path, files).issues == ()


def test_from_1_0_on_a_percent_sign_that_stands_for_itself_is_warned_of(tmp_path: Path):
    raw = f"{manifest({'data/x': b'x'}).decode().split()[0]}  data/50%\n".encode()
    verdict = verdict_on(tmp_path, bag_files({"data/50%": b"x"}, replacing={"manifest-sha256.txt": raw}))
    assert (verdict.valid, warnings(verdict)) == (True, {codes.PATH_LOOSE})


def test_a_name_in_another_unicode_normalization_is_found_with_a_warning(tmp_path: Path):
    listed = manifest({"data/Nu\u0301n\u0303ez": b"x"})
    files = bag_files({"data/N\u00fa\u00f1ez": b"x"}, replacing={"manifest-sha256.txt": listed})
    verdict = verdict_on(tmp_path, files)
    assert (verdict.valid, warnings(verdict)) == (True, {codes.NAME_NORMALIZED})


@pytest.mark.parametrize("twin", ["data/LETTER.txt", "data/Nu\u0301", "data/Straße"])
def test_names_that_some_systems_take_for_one_are_warned_of(tmp_path: Path, twin: str):
    payload = PAYLOAD | {"data/N\u00fa": b"1", "data/strasse": b"2", twin: b"3"}
    verdict = verdict_on(tmp_path, bag_files(payload))
    assert (verdict.valid, warnings(verdict)) == (True, {codes.NAMES_ALIKE})


def test_one_file_listed_in_two_normalizations_is_warned_of(tmp_path: Path):
    listed = manifest({"data/N\u00fa": b"x", "data/Nu\u0301": b"x"})
    for version in VERSIONS:
        files = bag_files({"data/N\u00fa": b"x"}, version=version, replacing={"manifest-sha256.txt": listed})
        verdict = verdict_on(tmp_path / version, files)
        assert (verdict.valid, codes.NAMES_ALIKE in warnings(verdict)) == (True, True)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._letter", "__MACOSX/x"])
def test_what_an_operating_system_left_is_warned_of(tmp_path: Path, name: str):
    verdict = verdict_on(tmp_path, bag_files(PAYLOAD | {f"data/a/{name}": b"x"}))
    assert (verdict.valid, warnings(verdict)) == (True, {codes.SYSTEM_FILE})


def test_a_bag_in_the_bag_is_warned_of(tmp_path: Path):
    inner = {f"data/inner/{path}": content for path, content in bag_files().items()}
    verdict = verdict_on(tmp_path, bag_files(inner))
    assert (verdict.valid, warnings(verdict)) == (True, {codes.BAG_IN_BAG})


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


@pytest.mark.parametrize("algorithm", ["sha224", "sha384", "sha3_256", "blake2b"])
def test_any_algorithm_of_hashlib_is_checked(tmp_path: Path, algorithm: str):
    name = f"manifest-{algorithm.replace('_', '')}.txt"
    tags = {name: manifest(PAYLOAD, algorithm), "manifest-sha256.txt": None}
    files = bag_files(replacing=tags)
    assert verdict_on(tmp_path / "good", files).issues == ()
    assert errors(verdict_on(tmp_path / "bad", files | {LETTER: b"Dear Reader,\n"})) == {
        codes.DIGEST_MISMATCH
    }


def test_an_unknown_algorithm_beside_a_known_one_is_a_warning_and_alone_an_error(tmp_path: Path):
    unknown = {"manifest-tiger192.txt": b"00ff  data/letter.txt\n00ff  data/scans/page 1.tif\n"}
    beside = verdict_on(tmp_path / "a", bag_files(replacing=unknown))
    assert (beside.valid, warnings(beside)) == (True, {codes.ALGORITHM_UNKNOWN})
    alone = verdict_on(tmp_path / "b", bag_files(replacing=unknown | {"manifest-sha256.txt": None}))
    assert errors(alone) == {codes.PAYLOAD_MANIFEST_MISSING}


def test_a_manifest_name_that_is_not_normalized_is_still_a_manifest(tmp_path: Path):
    files = bag_files(replacing={"manifest-sha256.txt": None, "manifest-SHA-256.txt": manifest(PAYLOAD)})
    verdict = verdict_on(tmp_path, files)
    assert (verdict.valid, warnings(verdict)) == (True, {codes.MANIFEST_NAME_LOOSE})


def test_links_and_pipes_are_refused_and_not_followed(tmp_path: Path):
    root = write(tmp_path / "bag", bag_files())
    (root / LETTER).unlink()
    (root / LETTER).symlink_to("/etc/hostname")
    (root / "data" / "folder").symlink_to("/etc")
    os.mkfifo(root / "data" / "pipe")
    verdict = validate(root)
    assert errors(verdict) == {codes.NOT_A_FILE, codes.FILE_MISSING, codes.OXUM_MISMATCH}
    assert sum(issue.code == codes.NOT_A_FILE for issue in verdict.issues) == 3


def test_a_payload_folder_that_is_a_link_is_missed(tmp_path: Path):
    root = write(tmp_path / "bag", bag_files({}))
    (root / "data").rmdir()
    (root / "data").symlink_to(tmp_path)
    assert errors(validate(root)) == {codes.NOT_A_FILE, codes.PAYLOAD_FOLDER_MISSING}


def test_a_name_that_is_not_utf_8_is_told_and_nothing_breaks(tmp_path: Path):
    root = write(tmp_path / "bag", bag_files())
    Path(os.fsdecode(os.fsencode(root) + b"/data/\xff\xfe")).write_bytes(b"x")
    verdict = validate(root)
    assert codes.FILE_UNLISTED in errors(verdict)
    assert all(issue.message.isprintable() for issue in verdict.issues)


def test_a_file_larger_than_one_read_is_digested_by_threads(tmp_path: Path):
    payload = {f"data/{number}": bytes([number]) * 700_000 for number in range(5)}
    files = bag_files(payload, algorithms=("sha256", "md5"))
    assert verdict_on(tmp_path / "good", files).issues == ()
    files["data/3"] = files["data/3"][:-1] + b"!"
    verdict = verdict_on(tmp_path / "bad", files)
    assert {(issue.code, issue.path) for issue in verdict.issues} == {(codes.DIGEST_MISMATCH, "data/3")}


def test_very_many_faults_are_counted_instead_of_listed(tmp_path: Path):
    files = bag_files(replacing={"manifest-sha256.txt": b"broken\n" * 5_000})
    malformed = [
        issue for issue in verdict_on(tmp_path, files).issues if issue.code == codes.MANIFEST_LINE_MALFORMED
    ]
    assert len(malformed) == 1_001
    assert "4,000 more" in malformed[-1].message


def test_every_issue_says_what_to_do_next(tmp_path: Path):
    verdict = verdict_on(tmp_path, {"data/letter.txt": b"x", "manifest-md5.txt": b"?\n"})
    assert verdict.issues
    assert all(issue.next_step for issue in verdict.issues)


def test_a_plain_file_is_no_bag(tmp_path: Path):
    (tmp_path / "letter.txt").write_text("Dear reader")
    verdict = validate(tmp_path / "letter.txt")
    assert (verdict.valid, codes_of(verdict.issues)) == (False, {codes.NO_BAG})


def test_where_there_is_nothing_there_is_no_verdict(tmp_path: Path):
    with pytest.raises(NotFoundError, match="nowhere"):
        validate(tmp_path / "nowhere")
