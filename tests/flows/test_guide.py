"""What lies in a store is understood and checked without Muniment: its README.txt and its verify.py."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from support.kept_object import Letters, keep_letters

from preservation.bagit.validation import validate
from storage.guide import verify
from storage.journal import standalone

VERIFY = Path(verify.__file__)


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Letters:
    """An archive in which a second version relies on the first one; the journal is sealed into its stores."""
    letters = keep_letters(tmp_path_factory.mktemp("guide"))
    (letters.drop / "new.txt").write_text("New\n")
    (letters.drop / "100% \u00e9\n.txt").write_text("Hard to write\n")
    (letters.drop / "note.txt").rename(letters.drop / "note of old.txt")
    told = letters.preserve()
    assert told["verdict"] == "stored", told
    return letters


@pytest.fixture
def store(kept_once: Letters, tmp_path: Path) -> Path:
    copied = shutil.copytree(kept_once.archive.store("first"), tmp_path / "store")
    subprocess.run(["chmod", "-R", "u+w", copied], check=True)
    return copied


def checked(store: Path, *arguments: str | Path, program: Path | None = None) -> tuple[int, str]:
    """Run the store's own verify.py, with nothing of Muniment within its reach."""
    words = [
        sys.executable,
        "-I",
        "-S",
        "-W",
        "error",
        str(program or store / "verify.py"),
        *map(str, arguments),
    ]
    finished = subprocess.run(words, capture_output=True, text=True, check=False)
    assert not finished.stderr, finished.stderr
    return finished.returncode, finished.stdout


def object_in(store: Path) -> Path:
    return store / "files" / "letters"


def test_every_new_store_has_its_guide_and_all_of_it_is_sound(store: Path):
    code, said = checked(store)
    assert (code, said.splitlines()[-1]) == (0, "SOUND: 0 faults; 0 things could not be told")
    assert "signed heads agree with it" in said
    assert "2 versions" in said
    readme = (store / "README.txt").read_text()
    for name in [
        *(path.name for path in store.iterdir() if path.is_dir() and path.name[0] == "_"),
        "verify.py",
    ]:
        assert name in readme


@pytest.mark.parametrize(
    "place", ["files/letters/v1", "files/letters/v2", "files/letters", "files", "_journal"]
)
def test_a_version_an_object_a_collection_and_the_journal_are_checked_alone(store: Path, place: str):
    code, said = checked(store, store / place)
    assert (code, "SOUND" in said) == (0, True)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    checked(store)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_it_says_of_a_version_what_bagit_and_muniment_say(store: Path):
    whole = object_in(store) / "v1"
    assert checked(store, whole)[0] == 0
    assert bagit.Bag(str(whole)).is_valid()
    assert validate(whole).valid
    # The second one is complete where the first lies beside it.
    assert validate(object_in(store) / "v2").valid


def _change(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def _listed_twice(version: Path) -> None:
    manifest = version / "manifest-sha256.txt"
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join([*lines, lines[0]]))
    _relist(version, "manifest-sha256.txt")


def _relist(version: Path, name: str) -> None:
    """Make the tag manifest fit to a list that was altered, as whoever alters a version does."""
    tags = version / "tagmanifest-sha256.txt"
    digest = hashlib.sha256((version / name).read_bytes()).hexdigest()
    tags.write_text(
        "".join(
            f"{digest}  {name}\n" if line.endswith(f"  {name}\n") else line
            for line in tags.read_text().splitlines(keepends=True)
        )
    )


INJURIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "payload changed": (
        lambda one: _change(one / "data/originals/1911/to my sister.txt"),
        "to my sister.txt",
    ),
    "payload missing": (lambda one: (one / "data/originals/note.txt").unlink(), "note.txt is missing"),
    "payload added": (lambda one: (one / "data/originals/more.txt").write_text("x"), "more.txt was not kept"),
    "payload cut": (lambda one: os.truncate(one / "data/originals/note.txt", 1), "note.txt is not what"),
    "tag file changed": (lambda one: _change(one / "metadata/premis.xml"), "premis.xml is not what"),
    "tag file missing": (lambda one: (one / "metadata/policy.toml").unlink(), "policy.toml is missing"),
    "manifest changed": (lambda one: _change(one / "manifest-sha256.txt"), "manifest-sha256.txt is not what"),
    "manifest missing": (lambda one: (one / "manifest-sha256.txt").unlink(), "manifest"),
    "declaration missing": (lambda one: (one / "bagit.txt").unlink(), "bagit.txt is missing"),
}


@pytest.mark.parametrize("injury", INJURIES)
def test_it_finds_what_bagit_and_muniment_find(store: Path, injury: str):
    version = object_in(store) / "v1"
    injure, sentence = INJURIES[injury]
    injure(version)
    code, said = checked(store, version)
    assert code == 1
    assert sentence in said
    assert not validate(version).valid
    if injury not in {"declaration missing", "manifest missing"}:
        assert not bagit.Bag(str(version)).is_valid()


def test_what_a_version_relies_on_is_read_where_it_lies(store: Path):
    _change(object_in(store) / "v1" / "data/originals/note.txt")
    code, said = checked(store, object_in(store) / "v2")
    assert code == 1
    assert "data/originals/note of old.txt, which lies in" in said
    shutil.rmtree(object_in(store) / "v1")
    code, said = checked(store, object_in(store) / "v2")
    assert (code, "is missing" in said) == (1, True)
    assert not validate(object_in(store) / "v2").valid


def test_an_unlisted_tag_file_and_a_file_that_is_listed_twice_are_found(store: Path):
    (object_in(store) / "v1" / "metadata" / "more.xml").write_text("<x/>")
    _listed_twice(object_in(store) / "v2")
    code, said = checked(store, object_in(store))
    assert code == 1
    assert "metadata/more.xml was not kept" in said
    assert "is listed twice" in said


def test_a_version_altered_with_all_lists_made_to_fit_is_not_what_the_journal_recorded(store: Path):
    version = object_in(store) / "v1"
    page, manifest = version / "data/originals/note.txt", version / "manifest-sha256.txt"
    before = hashlib.sha256(page.read_bytes()).hexdigest()
    _change(page)
    manifest.write_text(manifest.read_text().replace(before, hashlib.sha256(page.read_bytes()).hexdigest()))
    _relist(version, "manifest-sha256.txt")
    assert validate(version).valid
    code, said = checked(store, version)
    assert code == 1
    assert "tagmanifest-sha256.txt is not what the journal promises" in said


@pytest.mark.parametrize("name", ["../../../secret", "/etc/hostname", "data/../../v2/bagit.txt"])
def test_names_that_leave_the_folder_are_refused(store: Path, name: str):
    version = object_in(store) / "v1"
    manifest = version / "manifest-sha256.txt"
    manifest.write_text(f"{'0' * 64}  {name}\n{manifest.read_text()}")
    _relist(version, "manifest-sha256.txt")
    code, said = checked(store, version)
    assert code == 1
    assert "manifest-sha256.txt, line 1, names no file of this folder" in said


def test_an_address_that_leaves_the_object_is_refused(store: Path):
    fetch = object_in(store) / "v2" / "fetch.txt"
    for address in (
        "muniment://files/letters/v1/../../../x",
        "muniment://files/others/v1/data/x",
        "file:///x",
    ):
        fetch.write_text(f"{address} 3 data/originals/note of old.txt\n")
        _relist(object_in(store) / "v2", "fetch.txt")
        code, said = checked(store, object_in(store) / "v2")
        assert code == 1
        assert "fetch.txt, line 1, names no file of an earlier version" in said


def test_no_link_is_followed(store: Path, tmp_path: Path):
    version = object_in(store) / "v1"
    folder = version / "data/originals/1911"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    code, said = checked(store, version)
    assert code == 1
    assert "to my sister.txt" in said


def test_what_cannot_be_read_is_not_known(store: Path):
    (store / "files" / "letters" / "v3").mkdir()
    code, said = checked(store, store / "files" / "nothing")
    assert (code, "NOT KNOWN" in said) == (2, True)
    code, said = checked(store)
    assert (code, "UNFINISHED" in said) == (0, True)


def test_a_broken_journal_is_a_fault_and_a_version_that_went_is_named(store: Path):
    segment = min((store / "_journal").glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"letters", b"lettres", 1))
    shutil.rmtree(object_in(store) / "v2")
    code, said = checked(store)
    assert code == 1
    assert "the journal does not hold" in said
    assert "NOT HERE  files/letters/v2" in said


def test_a_program_from_elsewhere_runs_nothing_that_lies_in_the_store(store: Path, tmp_path: Path):
    trusted = shutil.copy(VERIFY, tmp_path / "verify.py")
    (store / "_journal" / "check_journal.py").write_text("raise SystemExit('this was run')\n")
    code, said = checked(store, store, program=Path(trusted))
    assert code == 2
    assert "check_journal.py does not lie beside this program" in said


def test_a_new_form_is_given_beside_the_old_one_every_night_and_is_no_stranger(
    kept_once: Letters, tmp_path: Path
):
    archive = kept_once.copied(tmp_path).archive
    for name in ("README.txt", "verify.py"):
        older = archive.store("first") / name
        older.chmod(0o600)
        older.write_text("as an earlier release had it\n")
    assert archive.run("journal", "seal").returncode == 0
    assert (archive.store("first") / "verify.2.py").read_bytes() == VERIFY.read_bytes()
    assert (archive.store("first") / "verify.py").read_text() == "as an earlier release had it\n"
    assert not (archive.store("second") / "verify.2.py").exists()
    assert archive.run("journal", "verify").stdout.startswith("INTACT")
    assert checked(archive.store("first"), program=archive.store("first") / "verify.2.py")[0] == 0


def test_a_place_that_has_the_guide_alone_is_an_empty_one(kept_once: Letters, tmp_path: Path):
    archive = kept_once.copied(tmp_path).archive
    settings = archive.directory / "muniment.toml"
    settings.write_text(
        f'{settings.read_text()}\n[[store]]\nname = "third"\nkind = "folder"\npath = "third"\nsite = "far"\n'
    )
    (archive.directory / "third").mkdir()
    shutil.copy(archive.store("first") / "README.txt", archive.directory / "third")
    made = archive.run("stores", "init", "third")
    assert made.returncode == 0, made
    assert (archive.directory / "third" / "verify.py").exists()


def test_what_0_1_0_kept_is_checked_too(project: Path, tmp_path: Path):
    with tarfile.open(project / "tests/fixtures/0.1.0/sqlite/stored.tar.xz") as packed:
        packed.extractall(tmp_path, filter="tar")
    trusted = Path(shutil.copy(VERIFY, tmp_path / "verify.py"))
    shutil.copy(standalone.__file__, tmp_path / "check_journal.py")
    code, said = checked(
        tmp_path / "archive" / "stores" / "second", tmp_path / "archive/stores/second", program=trusted
    )
    assert code == 0, said
    assert "6 versions" in said
