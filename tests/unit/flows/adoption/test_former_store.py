"""Packages in a store that another installation filled, and whose store a place is."""

from __future__ import annotations

from pathlib import Path

from support.memory_store import MemoryStore
from support.records import package_named

from flows.adoption.former_store import is_store, own_store_at
from flows.installation.settings import FolderStoreSettings, S3StoreSettings, Settings
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.ports.stores import SiteName, StorePlace
from storage.rebuild.store_versions import FoundPackage, packages_in


def holding(*keys: str) -> MemoryStore:
    store = MemoryStore(StoreName("former"), StorePlace(SiteName("there"), "", ""))
    store.shelf.kept |= {StoreKey(key): b"12345" for key in keys}
    return store


def test_versions_come_by_object_and_number_and_with_whether_they_exist():
    store = holding(
        "_journal/000000001-000000003.jsonl",
        "README.txt",
        "maps/sheet-2/v1/tagmanifest-sha256.txt",
        "maps/sheet/v1/tagmanifest-sha256.txt",
        "maps/sheet/v10/data/originals/a",
        "maps/sheet/v10/tagmanifest-sha512.txt",
        "maps/sheet/v2/tagmanifest-sha256.txt",
        "maps/sheet/v3/data/originals/never committed",
        "maps/sheet/v04/tagmanifest-sha256.txt",
        f"maps/sheet/v{'9' * 20}/tagmanifest-sha256.txt",
        "maps/sheet/old/tagmanifest-sha256.txt",
        "maps/tagmanifest-sha256.txt",
        "Maps/sheet/v1/tagmanifest-sha256.txt",
    )
    assert list(packages_in(store)) == [
        FoundPackage(package_named("maps/sheet-2/v1"), 1, 5),
        FoundPackage(package_named("maps/sheet/v1"), 1, 5),
        FoundPackage(package_named("maps/sheet/v2"), 1, 5),
        FoundPackage(package_named("maps/sheet/v3"), 1, 5, is_committed=False),
        FoundPackage(package_named("maps/sheet/v10"), 2, 10),
    ]


def test_a_folder_is_a_store_only_where_packages_of_muniment_lie_in_it(tmp_path: Path):
    version = tmp_path / "maps" / "sheet" / "v1"
    version.mkdir(parents=True)
    info, commit = version / "bag-info.txt", version / "tagmanifest-sha256.txt"
    info.write_text("Muniment-Object-Version: v1\n")
    assert not is_store(tmp_path)
    commit.touch()
    assert is_store(tmp_path)
    info.write_text("Contact-Name: Ada\n")
    # A bag of anybody may lie in a folder of such a name.
    assert not is_store(tmp_path)
    info.unlink()
    assert not is_store(tmp_path)


def test_a_place_is_a_store_of_ours_where_the_settings_name_it(tmp_path: Path):
    settings = Settings(
        directory=tmp_path,
        store=(
            FolderStoreSettings(kind="folder", name="first", path=Path("stores/first"), site="here"),
            S3StoreSettings(kind="s3", name="second", bucket="archive", prefix="old/house", site="there"),
        ),
    )
    (tmp_path / "stores" / "first").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "stores" / "first")
    assert own_store_at(f"{tmp_path}/stores/first/", settings) == "first"
    assert own_store_at(f"{tmp_path}/link", settings) == "first"
    assert own_store_at("s3://archive/old/house/", settings) == "second"
    assert own_store_at("s3://archive/old", settings) is None
    assert own_store_at(f"{tmp_path}/stores", settings) is None
