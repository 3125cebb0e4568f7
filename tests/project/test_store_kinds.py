"""Holds the settings, doctor, the contract suite and the pages against the registry of store kinds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from services.buckets import new_address, speak_as_the_archive
from support.store_peers import PEERS

from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.store_kinds import STORE_KINDS
from flows.installation.store_settings import StoreSettings
from flows.installation.stores import MadeStore, init_stores
from flows.installation.wiring import open_stores
from flows.service.doctor import State, examine_installation
from storage.ports.stores import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of an installation that has a store of each kind, two of them folders."""
    speak_as_the_archive()
    address = new_address()
    file = make_installation(tmp_path / "archive")
    with file.open("a") as sink:
        sink.write(
            f'\n[[store]]\nname = "s3"\nkind = "s3"\nsite = "there"\nbucket = "{address.bucket}"\n'
            f'prefix = "{address.prefix}"\nendpoint_url = "{address.endpoint_url}"\naddressing = "path"\n'
        )
    settings = load_settings(tmp_path / "archive")
    assert all(isinstance(made, MadeStore) for made in init_stores(settings, settings.store_names))
    return load_settings(tmp_path / "archive")


def test_the_kinds_that_settings_take_are_those_of_the_registry():
    union, _ = get_args(StoreSettings)
    assert set(get_args(union)) == {kind.settings for kind in STORE_KINDS.values()}
    for name, kind in STORE_KINDS.items():
        assert get_args(kind.settings.model_fields["kind"].annotation) == (name,)


def test_each_kind_is_opened_with_what_is_apart_from_it_and_tried_out_by_doctor(settings: Settings):
    assert {store.kind for store in settings.store} == set(STORE_KINDS)
    for kept, store in zip(settings.store, open_stores(settings), strict=True):
        assert _room(store) == f"storage.stores.{kept.kind}"
        kind = STORE_KINDS[kept.kind]
        for part in (kind.purger, kind.replacer, kind.injurer):
            assert _room(part(kept, settings, None)) == f"storage.stores.{kept.kind}"
        assert _room(kind.maker(kept, settings)) == f"storage.stores.{kept.kind}"
        if kind.confirmer is not None:
            assert _room(kind.confirmer(kept, settings)) == f"storage.stores.{kept.kind}"
    findings = {finding.what: finding.state for finding in examine_installation(settings)}
    for kept in settings.store:
        assert findings[f"store {kept.name}"] is State.OK


def test_each_kind_passes_the_contract_and_has_a_room_of_its_own(project: Path):
    assert {name.split(" ")[0] for name in PEERS} - {"memory"} == set(STORE_KINDS)
    rooms = {path.parent.name for path in (project / "storage/stores").glob("*/__init__.py")}
    assert rooms == set(STORE_KINDS)


def test_each_kind_and_each_of_its_settings_is_documented(project: Path):
    pages = "\n".join(page.read_text() for page in (project / "docs").glob("*.md"))
    (named,) = re.findall(r"^\| `\[\[store\]\] kind` \|[^|]*\| (.*) \|$", pages, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", named)) == set(STORE_KINDS)
    rows = re.findall(r"^\| `\[\[store\]\] (.*?) \|", pages, re.MULTILINE)
    documented = set(re.findall(r"\w+", " ".join(rows)))
    assert documented == {field for kind in STORE_KINDS.values() for field in kind.settings.model_fields}
    table = (project / "docs/stores.md").read_text().partition("## Kinds of store\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(STORE_KINDS)


def _room(made: Store | object) -> str:
    return type(made).__module__.rpartition(".")[0]
