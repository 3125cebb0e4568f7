"""A version is stated by its own lists: all of them, each held against the others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.memory_store import MemoryStore
from support.packages import SUBMISSION, Drop, a_map_sheet
from support.versions import two_stores

from preservation.errors import IntegrityError, NotFoundError
from preservation.fixity.checking import Confirmed
from preservation.model import layout
from preservation.model.derivatives import Derivative, Purpose
from preservation.model.digests import Algorithm
from preservation.model.identifiers import PackageId
from preservation.model.paths import StoreKey
from preservation.packaging.fingerprint import fingerprint
from preservation.packaging.planning import plan_package
from storage.ports.catalogue import CatalogueFile
from storage.ports.stores import Deposit
from storage.readback import read_back
from storage.rebuild.lists import VersionLists, lists_of
from storage.rebuild.version import files_of, promised_files, stated_version


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return a_map_sheet(tmp_path)


@pytest.fixture
def store(drop: Drop) -> MemoryStore:
    planned = plan_package(drop.contents(), drop.workspace)
    first, _ = two_stores()
    assert isinstance(first, MemoryStore)
    prefix = planned.package.prefix
    first.create(
        Deposit(StoreKey(f"{prefix}/{entry.path}"), entry.source, entry.size) for entry in planned.entries
    )
    return first


@contextmanager
def lists(store: MemoryStore, drop: Drop, scratch: Path) -> Iterator[VersionLists]:
    with lists_of(package_of(drop), store, (), scratch) as found:
        yield found


def package_of(drop: Drop) -> PackageId:
    return drop.contents().package


def registered(drop: Drop) -> Iterator[CatalogueFile]:
    """What registering the drop puts into the catalogue."""
    for dossier in drop.dossiers():
        if (file := dossier.kept) is not None:
            yield CatalogueFile(
                layout.original(file.path), file.size, file.digests, file.identification.decided
            )
            for made in dossier.derivatives:
                if isinstance(made, Derivative) and made.purpose is Purpose.PRESERVATION:
                    puid = None if made.identification is None else made.identification.decided
                    yield CatalogueFile(layout.preserved(made.path), made.size, made.digests, puid)


def test_all_that_was_registered_is_stated_whatever_the_names_are(
    store: MemoryStore, drop: Drop, tmp_path: Path
):
    with lists(store, drop, tmp_path) as found:
        assert list(files_of(found)) == list(registered(drop))
        stated = stated_version(found)
    assert stated.submission == SUBMISSION
    assert stated.policy == drop.policy.reference
    assert stated.fingerprint == fingerprint(drop.dossiers())
    originals = [one for one in registered(drop) if one.path.startswith(layout.ORIGINALS)]
    assert (stated.files, stated.bytes) == (len(originals), sum(one.size for one in originals))


def test_what_is_promised_is_every_file_of_the_version_and_is_there(
    store: MemoryStore, drop: Drop, tmp_path: Path
):
    with lists(store, drop, tmp_path) as found:
        readings = list(read_back(store, promised_files(found), threads=1))
    assert all(isinstance(one.verdict, Confirmed) for one in readings)
    assert sorted(one.promised.key for one in readings) == sorted(store.shelf.kept)


def _altered(store: MemoryStore, drop: Drop, path: str, change: Callable[[bytes], bytes]) -> None:
    """Change a list, and make the tag manifests fit, as whoever alters a version does."""
    prefix, kept = package_of(drop).prefix, store.shelf.kept
    before = kept[StoreKey(f"{prefix}/{path}")]
    after = change(before)
    assert after != before
    kept[StoreKey(f"{prefix}/{path}")] = after
    for commit in layout.COMMITS:
        key = StoreKey(f"{prefix}/{commit}")
        algorithm = commit.removeprefix("tagmanifest-").removesuffix(".txt")
        if key in kept:
            old, new = (hashlib.new(algorithm, content).hexdigest().encode() for content in (before, after))
            kept[key] = kept[key].replace(old, new)


@pytest.mark.parametrize(
    ("path", "change", "sentence"),
    [
        ("manifest-sha256.txt", lambda text: text.split(b"\n", 1)[1], "stands otherwise in its PREMIS"),
        ("manifest-sha256.txt", lambda text: text + text.split(b"\n", 1)[0] + b"\n", "PREMIS lacks"),
        ("manifest-sha256.txt", lambda text: b"0" * 64 + text[64:], "stands otherwise in its PREMIS"),
        ("manifest-sha256.txt", lambda text: b"no line\n" + text, "is no digest and path"),
        ("metadata/premis.xml", lambda text: text.replace(b"<size>9<", b"<size>8<", 1), "Payload-Oxum"),
        ("metadata/premis.xml", lambda text: text[:-9], "PREMIS cannot be read"),
        ("bag-info.txt", lambda text: text.replace(b"(sha256 ", b"(sha512 "), "names no policy"),
        ("bag-info.txt", lambda text: text.replace(b"Version: v1", b"Version: v2"), "is that of maps/"),
        (
            "bag-info.txt",
            lambda text: text.replace(b"Sender-Identifier: 0", b"Sender-Identifier: x"),
            "or no",
        ),
    ],
)
def test_lists_that_do_not_fit_together_are_refused_though_their_digests_do(
    store: MemoryStore,
    drop: Drop,
    tmp_path: Path,
    path: str,
    change: Callable[[bytes], bytes],
    sentence: str,
):
    _altered(store, drop, path, change)
    with pytest.raises(IntegrityError, match=sentence), lists(store, drop, tmp_path) as found:
        stated_version(found)


def test_a_list_that_is_not_what_its_tag_manifest_promises_is_refused(
    store: MemoryStore, drop: Drop, tmp_path: Path
):
    prefix = package_of(drop).prefix
    for path in ("bag-info.txt", "manifest-sha256.txt", "metadata/premis.xml"):
        key = StoreKey(f"{prefix}/{path}")
        whole = store.shelf.kept[key]
        store.shelf.kept[key] = whole + b"\n"
        with pytest.raises(IntegrityError, match=f"{path} is not what"), lists(store, drop, tmp_path):
            pass
        del store.shelf.kept[key]
        with pytest.raises(IntegrityError, match=f"{path} is missing"), lists(store, drop, tmp_path):
            pass
        store.shelf.kept[key] = whole


def test_tag_manifests_are_those_that_were_recorded(store: MemoryStore, drop: Drop, tmp_path: Path):
    package = package_of(drop)
    with lists(store, drop, tmp_path) as found:
        recorded = found.tag_digests
    assert {one.algorithm for one in recorded} == {Algorithm.SHA256}
    with lists_of(package, store, recorded, tmp_path) as found:
        assert found.tag_digests == recorded
    key = StoreKey(f"{package.prefix}/tagmanifest-sha256.txt")
    store.shelf.kept[key] = store.shelf.kept[key].replace(b"bagit.txt", b"bagit.TXT")
    with pytest.raises(IntegrityError, match="not the one that was recorded"):
        lists_of(package, store, recorded, tmp_path).__enter__()
    del store.shelf.kept[key]
    with pytest.raises((IntegrityError, NotFoundError)):
        lists_of(package, store, recorded, tmp_path).__enter__()
    assert list(tmp_path.glob("tmp*")) == []
