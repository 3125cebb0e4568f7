"""``muniment stores init``: which places are taken for which stores, and where the identity is kept."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from services.small_disks import small_disk
from support.records import a_registration

from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.stores import MadeStore, UnmadeStore, init_stores
from flows.installation.wiring import open_installation
from preservation.errors import ConfigurationError, UnavailableError
from preservation.model.identifiers import StoreIdentity, StoreName, new_store_identity
from preservation.model.packages import Replica

FIRST, SECOND = StoreName("first"), StoreName("second")
PACKAGE = "maps/sheet/v1"


@pytest.fixture
def registered(settings: Settings) -> Settings:
    """An installation whose catalogue has a package in both stores, which have it too."""
    one = a_registration(PACKAGE, "01")
    replicas = tuple(Replica(name, "there", one.registered_at, 1, 1) for name in (FIRST, SECOND))
    with open_installation(settings) as installation:
        installation.catalogue.register(replace(one, replicas=replicas), ())
    for name in (FIRST, SECOND):
        version = settings.directory / "stores" / name / PACKAGE
        version.mkdir(parents=True)
        (version / "tagmanifest-sha256.txt").write_text("x")
    return settings


def as_0_1_0_left_it(settings: Settings) -> Settings:
    """Take every trace of identities, and the guide, away."""
    file = settings.directory / "muniment.toml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("identity")))
    with sqlite3.connect(settings.state / "muniment.db") as database:
        database.execute("DELETE FROM stores")
    for store in (settings.directory / "stores").iterdir():
        for name in (".identity", "README.txt", "verify.py"):
            (store / name).unlink()
        shutil.rmtree(store / "_journal")
    return load_settings(settings.directory)


def place(settings: Settings, name: StoreName = SECOND) -> Path:
    return settings.directory / "stores" / name


def kept_in(settings: Settings, name: StoreName = SECOND) -> tuple[str, str | None, StoreIdentity | None]:
    """Return the identity in the place, in the file and in the catalogue."""
    [store] = [one for one in load_settings(settings.directory).store if one.name == name]
    with open_installation(settings) as installation:
        recorded = installation.catalogue.store_identities().get(name)
    return (place(settings, name) / ".identity").read_text().strip(), store.identity, recorded


def test_a_new_installation_has_an_identity_for_each_store_in_all_three_places(settings: Settings):
    found = {kept_in(settings, name) for name in (FIRST, SECOND)}
    assert all(len(set(places)) == 1 for places in found)
    assert len(found) == 2
    with open_installation(load_settings(settings.directory)) as installation:
        for store in installation.stores:
            store.check()


def test_doing_it_again_changes_nothing(settings: Settings):
    before = (settings.directory / "muniment.toml").read_bytes(), kept_in(settings)
    assert all(isinstance(one, MadeStore) for one in init_stores(load_settings(settings.directory)))
    assert ((settings.directory / "muniment.toml").read_bytes(), kept_in(settings)) == before


def test_stores_that_0_1_0_made_are_taken_where_they_hold_what_the_catalogue_has_in_them(
    registered: Settings,
):
    settings = as_0_1_0_left_it(registered)
    with open_installation(settings) as installation:
        for store in installation.stores:
            assert [kept.key for kept in store.list()] == [f"{PACKAGE}/tagmanifest-sha256.txt"]
            with pytest.raises(UnavailableError, match=f"run: muniment stores init {store.name}"):
                store.check()
    [first, second] = init_stores(settings)
    assert isinstance(first, MadeStore)
    assert isinstance(second, MadeStore)
    assert "it holds 1 of the 1 packages" in second.sentence
    assert set(kept_in(settings)) == {second.identity}


def test_an_empty_place_is_not_the_store_in_which_packages_are(registered: Settings):
    settings = as_0_1_0_left_it(registered)
    shutil.rmtree(place(settings))
    (place(settings) / ".incoming").mkdir(parents=True)
    for names in ((), (SECOND,)):
        *_, second = init_stores(settings, names)
        assert isinstance(second, UnmadeStore)
        assert "mount its disk" in second.sentence
    assert [path.name for path in place(settings).iterdir()] == [".incoming"]


def test_an_empty_place_is_made_a_store_only_where_it_is_named(settings: Settings):
    settings = as_0_1_0_left_it(settings)
    for one in init_stores(settings):
        assert isinstance(one, UnmadeStore)
        assert f"muniment stores init {one.store}" in one.sentence
    shutil.rmtree(place(settings))
    [second] = init_stores(settings, (SECOND,))
    assert isinstance(second, MadeStore)
    assert set(kept_in(settings)) == {second.identity}
    assert not (place(settings, FIRST) / ".identity").exists()


def test_a_place_with_other_files_is_never_made_a_store(settings: Settings):
    settings = as_0_1_0_left_it(settings)
    (place(settings) / "holiday").mkdir()
    (place(settings) / "holiday" / "beach.jpg").touch()
    [second] = init_stores(settings, (SECOND,))
    assert isinstance(second, UnmadeStore)
    assert "holiday/beach.jpg" in second.sentence


def test_another_store_in_the_place_is_refused(registered: Settings):
    identity = new_store_identity()
    (place(registered) / ".identity").chmod(0o644)
    (place(registered) / ".identity").write_text(f"{identity}\n")
    [second] = init_stores(load_settings(registered.directory), (SECOND,))
    assert isinstance(second, UnmadeStore)
    assert str(identity) in second.sentence


def test_one_place_cannot_be_two_stores(settings: Settings):
    settings = as_0_1_0_left_it(settings)
    place(settings).joinpath(".incoming").rmdir()
    place(settings).rmdir()
    place(settings).symlink_to(place(settings, FIRST))
    first, second = init_stores(settings, (FIRST, SECOND))
    assert isinstance(first, MadeStore)
    assert isinstance(second, UnmadeStore)
    assert "the store first" in second.sentence


def test_a_disk_that_is_mounted_over_the_store_gets_another_identity_than_the_folder_below(
    settings: Settings,
):
    below = kept_in(settings)[0]
    with small_disk(place(settings), "4m"):
        shutil.rmtree(place(settings) / ".incoming")
        (place(settings) / ".identity").unlink()
        [second] = init_stores(load_settings(settings.directory), (SECOND,))
        assert isinstance(second, MadeStore)
        assert set(kept_in(settings)) == {second.identity}
    assert (place(settings) / ".identity").read_text().strip() == below != second.identity
    with (
        open_installation(load_settings(settings.directory)) as installation,
        pytest.raises(UnavailableError, match="is another store"),
    ):
        installation.stores[1].check()


def test_settings_and_catalogue_that_differ_are_reported_and_what_lies_there_decides(registered: Settings):
    settings = load_settings(registered.directory)
    identity = kept_in(settings)[0]
    with sqlite3.connect(settings.state / "muniment.db") as database:
        changed = (str(new_store_identity()), "second")
        database.execute("UPDATE stores SET identity = ? WHERE name = ?", changed)
    differ = f"second: its identity is {identity} in muniment.toml"
    with open_installation(settings) as installation, pytest.raises(ConfigurationError, match=differ):
        _ = installation.stores
    [second] = init_stores(settings, (SECOND,))
    assert isinstance(second, MadeStore)
    assert set(kept_in(settings)) == {identity}


def _unlisted(text: str) -> str:
    head, *tables = text.split("[[store]]")
    return f"{head}{''.join('[[ store ]]' + table for table in tables)}"


@pytest.mark.parametrize(
    "changed", [_unlisted, lambda text: text.replace('name = "second"', '"name" = "second"')]
)
def test_a_file_that_cannot_be_written_is_left_alone_and_the_line_is_given(
    registered: Settings, changed: Callable[[str], str]
):
    settings = as_0_1_0_left_it(registered)
    file = settings.directory / "muniment.toml"
    file.write_text(changed(file.read_text()))
    before = file.read_bytes()
    [second] = init_stores(load_settings(settings.directory), (SECOND,))
    assert isinstance(second, MadeStore)
    assert second.line == f'identity = "{second.identity}"'
    assert file.read_bytes() == before
    with open_installation(load_settings(settings.directory)) as installation:
        installation.stores[1].check()


def test_a_store_that_is_not_configured_is_refused(settings: Settings):
    with pytest.raises(ConfigurationError, match="there is no store third"):
        list(init_stores(settings, (StoreName("third"),)))
