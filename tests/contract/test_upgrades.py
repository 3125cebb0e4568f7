"""Every schema that was ever released is upgraded without loss, in every database."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from services.databases import ENGINES, database_url
from sqlalchemy import Connection, MetaData, Table, select, text
from support.records import MOMENT, an_event, events

from preservation.errors import ConfigurationError
from preservation.model.identifiers import StoreName
from storage.audits.sql import SqlAudits
from storage.catalogue.sql import SqlCatalogue
from storage.database import upgrading
from storage.database.engines import engine_for
from storage.database.opening import PATIENCE, open_database
from storage.database.tables import metadata
from storage.journal.entries import follow
from storage.journal.sql import SqlJournal
from storage.ports.journal import GENESIS

_AT = "2026-11-21T01:15:00.000000Z"
_LINKS = list(follow(GENESIS, events(range(3))))

_FIRST_SCHEMA: dict[str, list[dict[str, object]]] = {
    "versions": [
        {
            "id": 7,
            "collection": "maps",
            "name": "Blatt Ü",
            "number": 1,
            "submission": "01",
            "fingerprint": "a",
        },
        {
            "id": 8,
            "collection": "maps",
            "name": "Blatt Ü",
            "number": 2,
            "submission": "02",
            "fingerprint": "b",
        },
    ],
    "packages": [
        {
            "id": 3,
            "version_id": 7,
            "policy_name": "images",
            "policy_revision": 3,
            "policy_digest": "c" * 64,
            "registered_at": _AT,
            "files": 1,
            "bytes": 5_000_000_000_000,
        }
    ],
    "replicas": [
        {
            "package_id": 3,
            "store": "east",
            "location": "/stores/east/maps",
            "verified_at": _AT,
            "files": 9,
            "bytes": 5_000_000_000_900,
        }
    ],
    "files": [
        {
            "package_id": 3,
            "position": 0,
            "path": "data/originals/\N{WHITE SMILING FACE}.tif",
            "size": 5_000_000_000_000,
            "md5": None,
            "sha1": None,
            "sha256": "d" * 64,
            "sha512": None,
            "puid": "fmt/353",
        }
    ],
    "submissions": [
        {
            "id": 4,
            "identifier": "01",
            "collection": "maps",
            "name": "Blatt Ü",
            "drop_path": b"/inbox/caf\xe9",
            "received_at": _AT,
            "verdict": "stored",
            "concluded_at": _AT,
            "summary": "Kept.",
            "receipt": None,
        }
    ],
    "journal": [
        {"seq": filed.seq, "identifier": filed.identifier, "subject": filed.subject, "line": filed.line}
        for _, filed in _LINKS
    ],
    "journal_head": [{"id": 1, "seq": 3, "hash": _LINKS[-1][0].hash}],
    "journal_signed_heads": [
        {"seq": 2, "hash": _LINKS[1][0].hash, "at": _AT, "key": "e" * 64, "signature": "f" * 128}
    ],
}

_WITH_TAG_DIGESTS: dict[str, list[dict[str, object]]] = {
    **_FIRST_SCHEMA,
    "tag_digests": [
        {"package_id": 3, "path": "tagmanifest-sha512.txt", "algorithm": "sha512", "digest": "9" * 128}
    ],
}

_WITH_STORES: dict[str, list[dict[str, object]]] = {
    **_WITH_TAG_DIGESTS,
    "stores": [{"name": "east", "identity": "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b"}],
}

_WITH_AUDITS: dict[str, list[dict[str, object]]] = {
    **_WITH_STORES,
    "readings": [
        {
            "package_id": 3,
            "store": "east",
            "collection": "maps",
            "files": 9,
            "bytes": 5_000_000_000_900,
            "files_before": 0,
            "read_at": _AT,
            "begun_at": _AT,
            "reached": "data/originals/\N{WHITE SMILING FACE}.tif",
            "claimant": "a slice",
            "claimed_until": _AT,
        }
    ],
    "damages": [
        {
            "id": 1,
            "package_id": 3,
            "store": "east",
            "path": "data/originals/\N{WHITE SMILING FACE}.tif",
            "kind": "mismatched",
            "promised": "sha256:" + "d" * 64,
            "promised_size": 5_000_000_000_000,
            "found": "sha256:" + "e" * 64,
            "found_size": 5_000_000_000_000,
            "reason": "",
            "found_at": _AT,
            "seen_at": _AT,
            "state": "open",
            "ended_at": None,
            "ended_by": "",
            "because": "",
        }
    ],
}

_WITH_APPROVALS: dict[str, list[dict[str, object]]] = {
    **_WITH_AUDITS,
    "repair_approvals": [
        {"damage_id": 1, "approved_by": "Ada", "because": "the disk was exchanged", "approved_at": _AT}
    ],
}

_ROWS = {
    "0001": _FIRST_SCHEMA,
    "0002": _WITH_TAG_DIGESTS,
    "0003": _WITH_STORES,
    "0004": _WITH_AUDITS,
    "0005": _WITH_APPROVALS,
    "0006": {
        **_WITH_APPROVALS,
        "orders": [
            {
                "id": 2,
                "collection": "maps",
                "name": "Blatt Ü",
                "pages": 12,
                "files": None,
                "names": '["blatt_0001.tif"]',
                "due": "2026-12-31",
                "vendor": "Müller & Söhne",
                "batch": "3",
                "placed_at": _AT,
                "changed_at": _AT,
                "withdrawn_at": None,
                "because": "",
            }
        ],
    },
}
"""For every revision some rows, as the programs of its time wrote them."""

_NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("packages", sa.Column("shelf", sa.Text, server_default="none"))
    {then}
"""


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(upgrading.MIGRATIONS))
    return config


def _revisions() -> list[str]:
    """Return every migration, the newest first."""
    config = Config()
    config.set_main_option("script_location", str(upgrading.MIGRATIONS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]


RELEASED = _revisions()


def _made_at(url: str, revision: str) -> None:
    """Make the database as the program of that revision left it."""
    engine = engine_for(url, PATIENCE)
    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)
        connection.execute(text("DELETE FROM journal_head"))
        described = MetaData()
        for name, rows in _ROWS[revision].items():
            table = Table(name, described, autoload_with=connection)
            assert all(set(row) == set(table.c.keys()) for row in rows), f"{name}: a column has no value"
            connection.execute(table.insert(), rows)
    engine.dispose()


def _rows_of(url: str, revision: str) -> dict[str, list[dict[str, object]]]:
    """Return what the columns of that revision hold now."""
    engine = engine_for(url, PATIENCE)
    with engine.connect() as connection:
        described = MetaData()
        found = {}
        for name, rows in _ROWS[revision].items():
            table = Table(name, described, autoload_with=connection)
            query = select(*(table.c[column] for column in rows[0])).order_by(*table.primary_key)
            found[name] = [dict(row) for row in connection.execute(query).mappings()]
    engine.dispose()
    return found


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return database_url(request.param, request, tmp_path)


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Pretend that this is a later program, with one revision more, which ends as it is told."""

    def release(then: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(upgrading.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        later = _NEXT.format(newest=upgrading.CURRENT_REVISION, then=then)
        (folder / "versions" / "r9000_shelves.py").write_text(later)
        monkeypatch.setattr(upgrading, "MIGRATIONS", folder)
        monkeypatch.setattr("storage.database.opening.CURRENT_REVISION", "9000")
        monkeypatch.setattr(upgrading, "CURRENT_REVISION", "9000")

    return release


def test_every_migration_has_its_rows_here():
    assert set(_ROWS) == set(RELEASED)


@pytest.mark.parametrize("revision", RELEASED)
def test_a_released_schema_is_upgraded_without_loss(url: str, revision: str):
    _made_at(url, revision)
    with open_database(url) as database:
        with database.reading() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert _rows_of(url, revision) == _ROWS[revision]
        [package] = SqlCatalogue(database).packages()
        assert (str(package.package), package.registered_at) == ("maps/Blatt Ü/v1", MOMENT)
        [replica] = SqlAudits(database).replicas(StoreName("east"))
        assert (replica.read_at, replica.files, replica.bytes) == (MOMENT, 9, 5_000_000_000_900)
        journal = SqlJournal(database)
        assert journal.append([an_event(2), an_event(3)]).first_seq == 4
        assert [head.head.seq for head in journal.signed_heads()] == [2]


@pytest.mark.parametrize("revision", RELEASED)
def test_a_later_program_loses_nothing_of_it(url: str, revision: str, next_release: Callable[[str], None]):
    _made_at(url, revision)
    next_release("pass")
    with open_database(url) as database:
        assert _rows_of(url, revision) == _ROWS[revision]
        with database.reading() as connection:
            assert connection.scalar(text("SELECT shelf FROM packages")) == "none"
        assert SqlJournal(database).append([an_event(2), an_event(3)]).first_seq == 4


def test_an_upgrade_that_fails_midway_leaves_all_as_it_was(url: str, next_release: Callable[[str], None]):
    _made_at(url, RELEASED[0])
    next_release('raise RuntimeError("the power went")')
    with pytest.raises(RuntimeError, match="the power went"):
        open_database(url)
    assert _rows_of(url, RELEASED[0]) == _ROWS[RELEASED[0]]
    engine = engine_for(url, PATIENCE)
    with engine.connect() as connection:
        assert upgrading.revision_of(connection) == RELEASED[0]
        assert "shelf" not in Table("packages", MetaData(), autoload_with=connection).c
    engine.dispose()


def test_a_schema_that_is_newer_than_this_program_is_not_touched(url: str):
    open_database(url).close()
    with open_database(url) as database, database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match=r"9999.*newer"):
        open_database(url)
