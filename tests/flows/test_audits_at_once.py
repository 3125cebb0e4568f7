"""Two audits and an ingest at once, in processes of their own, on either database: nothing is read twice."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from services.postgres import Server
from support.command_runs import NearArchive
from support.flow_runs import preserved
from support.forks import FORK, forked
from support.kept_object import make_ledger

from flows.archive.audit import audit_installation
from flows.archive.audit_request import AuditRequest, Selection
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from preservation.model.verdicts import Verdict
from storage.audits.work import AuditResult

DROPS = 5


@pytest.fixture(params=["sqlite", "postgresql"])
def archive(
    keeping: NearArchive, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> NearArchive:
    """An installation that keeps some objects, its database in a file or on a server."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url, passwords = server.new_database_without_password(tmp_path / "pgpass")
        monkeypatch.setenv("PGPASSFILE", str(passwords))
        settings = keeping.directory / "muniment.toml"
        settings.write_text(settings.read_text().replace("sqlite:///state/muniment.db", url, 1))
        assert keeping.run("rebuild").returncode == 0
    drops = [make_ledger(tmp_path / "drops" / f"ledger-{number}") for number in range(DROPS)]
    for number, drop in enumerate(drops):
        (drop / "number.txt").write_text(f"{number}\n")
    assert [one["verdict"] for one in keeping.preserve(*drops, collection="files")] == ["stored"] * DROPS
    return keeping


def audited(both: Barrier, archive: Path, before: datetime, done: Path) -> None:
    """Read what was not read since; write down which replicas that were, and whether they are sound."""

    def slowly(files: int, _: int) -> None:
        time.sleep(0.02 * files)

    request = AuditRequest(Selection.ALL, before=before)
    both.wait()
    with done.open("w") as file:
        for one in audit_installation(load_settings(archive), request, read=slowly):
            assert isinstance(one, AuditResult), one
            assert one.is_sound, one
            file.write(f"{one.replica.store} {one.replica.package}\n")


def test_two_audits_and_an_ingest_at_once_read_nothing_twice_and_do_not_disturb_each_other(
    archive: NearArchive, tmp_path: Path
):
    settings, before = load_settings(archive.directory), now()
    with open_installation(settings) as opened:
        stores = [store.name for store in opened.stores]
        held = [f"{name} {one.package}" for name in stores for one in opened.audits.replicas(name)]
    all_three, done = FORK.Barrier(3), [tmp_path / "one", tmp_path / "other"]
    audits = [forked(audited, all_three, archive.directory, before, place) for place in done]
    for one in audits:
        one.start()
    drop = make_ledger(tmp_path / "drops" / "new")
    (drop / "number.txt").write_text("new\n")
    all_three.wait()
    assert preserved(archive, drop).ending.verdict is Verdict.STORED
    for one in audits:
        one.join()
    assert [one.exitcode for one in audits] == [0, 0]
    read = Counter(line for place in done for line in place.read_text().splitlines())
    assert set(read.values()) == {1}
    # What came meanwhile was read when it was written.
    assert sorted(read) == sorted(held)
    assert all(place.read_text() for place in done)
    with open_installation(settings) as opened:
        assert opened.audits.claimants() == ()
    assert archive.run("journal", "verify").returncode == 0
