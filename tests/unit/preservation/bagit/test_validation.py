"""Rules of RFC 8493 about a bag as a whole and its payload, broken, in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.bag_verdicts import LETTER, VERSIONS, errors, verdict_on, warnings
from support.bags import PAYLOAD, bag_files, codes_of, declaration, manifest, write

from preservation.bagit import codes
from preservation.bagit.validation import validate
from preservation.errors import NotFoundError

# The threads of a test run do nothing while the command's process, which has none, would fork.
FORKING = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


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


def test_a_file_larger_than_one_read_is_digested_whole(tmp_path: Path):
    payload = {f"data/{number}": bytes([number]) * 700_000 for number in range(5)}
    files = bag_files(payload, algorithms=("sha256", "md5"))
    assert verdict_on(tmp_path / "good", files).issues == ()
    files["data/3"] = files["data/3"][:-1] + b"!"
    verdict = verdict_on(tmp_path / "bad", files)
    assert {(issue.code, issue.path) for issue in verdict.issues} == {(codes.DIGEST_MISMATCH, "data/3")}


@FORKING
def test_several_processes_come_to_the_verdict_that_one_comes_to(tmp_path: Path):
    payload = {f"data/{number}": bytes([number]) * 400 for number in range(200)}
    files = bag_files(payload, algorithms=("sha256", "md5"))
    files |= {f"data/{number}": b"changed" for number in range(0, 200, 3)}
    del files["data/7"]
    root = write(tmp_path / "bag", files)
    (root / "data" / "link").symlink_to("8")
    alone, together = validate(root), validate(root, processes=3)
    assert len(alone.issues) > 100
    assert set(together.issues) == set(alone.issues)
    assert (together.payload, together.complete) == (alone.payload, alone.complete)


@FORKING
def test_a_sound_bag_that_several_processes_read_is_valid_with_its_whole_payload(tmp_path: Path):
    root = write(tmp_path / "bag", bag_files({f"data/{number}": b"1234" for number in range(5_000)}))
    verdict = validate(root, processes=4)
    assert (verdict.valid, verdict.payload.files, verdict.payload.octets) == (True, 5_000, 20_000)


@FORKING
def test_faults_that_several_processes_find_are_counted_over_all_of_them(tmp_path: Path):
    files = bag_files({f"data/{number}": b"x" for number in range(3_000)})
    root = write(tmp_path / "bag", files | {f"data/{number}": b"y" for number in range(3_000)})
    mismatches = [
        issue for issue in validate(root, processes=3).issues if issue.code == codes.DIGEST_MISMATCH
    ]
    assert len(mismatches) == 1_001
    assert "2,000 more" in mismatches[-1].message


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
