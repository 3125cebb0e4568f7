"""What an audit may cost, and when it may read: it stops before more is spent, and says what it leaves."""

from __future__ import annotations

from datetime import datetime

import pytest
from support.archives import Archive
from support.audit_runs import age, lines
from support.command_runs import NearArchive, run_command

from flows.archive.audit import audit_plan
from flows.archive.audit_request import AuditRequest, Selection
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from preservation.model.identifiers import StoreName
from preservation.policy.fixity import ReadingPace


@pytest.fixture
def archive(keeping_three: NearArchive) -> Archive:
    """An archive with three objects, all of them long unread."""
    return keeping_three


def set_fixity(archive: Archive, text: str) -> None:
    policy = archive.directory / "policies" / "bit-level.toml"
    before = policy.read_text().partition("\n[fixity]")[0]
    policy.write_text(f"{before}\n[fixity]\n{text}")


def sizes(archive: Archive) -> dict[str, int]:
    """Return the bytes of each package in the first store."""
    found: dict[str, int] = {}
    for key, content in archive.kept("first").items():
        package = "/".join(key.split("/")[:3])
        found[package] = found.get(package, 0) + len(content)
    return {package: size for package, size in found.items() if package.startswith("files/")}


def of_price(money: float, store: str = "first") -> str:
    """Return a store's table in which a byte costs 1.00."""
    return f'[[fixity.store]]\nname = "{store}"\nprice = 1e9\nmoney = {money}\n'


def test_an_audit_stops_before_more_is_spent_than_a_day_may_cost(archive: Archive):
    of = sizes(archive)
    money = of["files/ledger/v1"] + of["files/middle/v1"] + 1
    set_fixity(archive, of_price(money))
    [planned] = lines(archive.run("audit", "--store", "first", "--dry-run", "--json"))
    assert (planned["bytes"], planned["cost"], planned["money_a_day"]) == (money, money, money)
    assert f"at most {money:,.2f} a day" in archive.run("audit", "--store", "first", "--dry-run").stdout
    read = lines(archive.run("audit", "--store", "first", "--json"))
    assert [one["package"] for one in read] == ["files/ledger/v1", "files/middle/v1"]
    # The money of the day is spent, however often it is asked for.
    assert lines(archive.run("audit", "--store", "first", "--json")) == []
    # A store without a price is read as before.
    assert len(lines(archive.run("audit", "--json"))) == 3


def test_a_replica_that_costs_more_than_a_day_may_is_not_read_and_is_a_fault(archive: Archive):
    cost = sizes(archive)["files/ledger/v1"]
    set_fixity(archive, of_price(cost - 1))
    finished = archive.run("audit", "--store", "first")
    assert finished.returncode == 6
    assert (
        f"files/ledger/v1 costs {cost:,.2f} to read, more than the {cost - 1:,.2f} of a day"
        in finished.stdout
    )
    assert "Nothing was read" in finished.stdout
    by_hand = archive.run("audit", "--object", "files/ledger", "--store", "first", "--json")
    assert [one["package"] for one in lines(by_hand)] == ["files/ledger/v1"]
    # What a person let it cost is spent of the day, too.
    assert lines(archive.run("audit", "--store", "first", "--json")) == []


def test_a_person_limits_what_an_audit_costs_in_all_stores_together(archive: Archive):
    of = sizes(archive)
    set_fixity(archive, of_price(1e9) + of_price(1e9, "second"))
    money = str(sum(of.values()) + of["files/ledger/v1"])
    planned = lines(archive.run("audit", "--all", "--money", money, "--dry-run", "--json"))
    assert [one["bytes"] for one in planned] == [sum(of.values()), of["files/ledger/v1"]]
    read = lines(archive.run("audit", "--all", "--money", money, "--json"))
    assert [(one["store"], one["package"]) for one in read] == [
        *(("first", package) for package in ("files/ledger/v1", "files/middle/v1", "files/newest/v1")),
        ("second", "files/ledger/v1"),
    ]
    one = ("audit", "--object", "files/middle", "--store", "second", "--money", "1")
    finished = archive.run(*one)
    assert finished.returncode == 0
    assert "more than may be spent now" in finished.stdout
    assert archive.run("audit", "--sample", "3", "--money", "1").returncode == 2


def test_a_plan_of_one_object_counts_that_object_alone(archive: Archive):
    planned = lines(archive.run("audit", "--object", "files/middle", "--dry-run", "--json"))
    assert [one["bytes"] for one in planned] == [sizes(archive)["files/middle/v1"]] * 2


def test_runs_that_share_an_audit_share_what_it_may_read_and_cost(archive: Archive):
    of = sum(sizes(archive).values())
    set_fixity(archive, of_price(of))
    settings = load_settings(archive.directory)
    [whole] = audit_plan(settings, AuditRequest(store=StoreName("first")))
    [half] = audit_plan(settings, AuditRequest(store=StoreName("first"), shared_by=2))
    assert (whole.bytes, half.bytes) == (of, of // 2)
    set_fixity(archive, 'budget = "1 kB"\n')
    shared = AuditRequest(Selection.ALL, store=StoreName("first"), budget=1001, shared_by=2)
    assert [one.bytes for one in audit_plan(settings, shared)] == [500]


def test_a_plan_of_asking_providers_reads_nothing(archive: Archive):
    planned = lines(archive.run("audit", "--provider", "--dry-run", "--json"))
    assert [(one["files"], one["bytes"]) for one in planned] == [(0, 0)] * 2
    said = archive.run("audit", "--provider", "--object", "files/middle", "--dry-run").stdout
    files = len([key for key in archive.kept("first") if key.startswith("files/middle/")])
    assert f"second: files: its provider, if any, would be asked about {files} files" in said


@pytest.mark.parametrize("text", ["money = 5\n", '[[fixity.store]]\nname = "first"\nmoney = 5\n'])
def test_money_without_a_price_is_a_fault_of_the_policy(archive: Archive, text: str):
    set_fixity(archive, text)
    finished = run_command("policy", "check", archive.directory / "policies" / "bit-level.toml")
    assert finished.returncode == 2
    assert "only where there is a price" in finished.stdout + finished.stderr


def at(monkeypatch: pytest.MonkeyPatch, *moments: str) -> None:
    """Let the audit see these local times, one after the other; the last one stays."""
    seen = [datetime.fromisoformat(moment) for moment in moments]
    pace = ReadingPace.is_open
    monkeypatch.setattr(
        ReadingPace, "is_open", lambda self, _: pace(self, seen.pop(0) if len(seen) > 1 else seen[0])
    )


SATURDAYS = '[[fixity.store]]\nname = "second"\ndays = ["Sat"]\nhours = "20:00-06:00"\n'
FRIDAY, SATURDAY = "2026-11-27T21:00", "2026-11-28T21:00"


def test_a_store_that_is_away_outside_of_its_hours_is_no_fault_and_raises_no_alarm(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    set_fixity(archive, SATURDAYS)
    archive.store("second").rename(archive.directory / "away")
    at(monkeypatch, FRIDAY)
    finished = archive.run("audit", "--json")
    assert finished.returncode == 0
    [closed] = [one for one in lines(finished) if one["store"] == "second"]
    assert not closed["is_fault"]
    assert "is read at other times: Sat 20:00-06:00" in closed["sentence"]
    assert record_of(Job.AUDIT, load_settings(archive.directory)).fault == ""
    assert archive.run("audit", "--object", "files/ledger").returncode == 0


def test_a_store_that_is_away_within_its_hours_is_a_fault_of_the_job(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    set_fixity(archive, SATURDAYS)
    archive.store("second").rename(archive.directory / "away")
    at(monkeypatch, SATURDAY)
    finished = archive.run("audit")
    assert finished.returncode == 6
    assert "NOT READ  second" in finished.stdout
    assert "second" in record_of(Job.AUDIT, load_settings(archive.directory)).fault


def test_a_store_that_is_taken_away_when_its_hours_are_over_is_no_fault(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    set_fixity(archive, SATURDAYS)
    archive.store("second").rename(archive.directory / "away")
    # It is there when it is asked whether it may be read, and away when it is.
    at(monkeypatch, SATURDAY, "2026-11-29T06:00")
    finished = archive.run("audit", "--store", "second")
    assert (finished.returncode, "at other times" in finished.stdout) == (0, True)


def test_a_store_that_is_there_on_one_day_a_week_is_read_as_much_more_on_that_day(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    of = sum(sizes(archive).values())
    age(archive, 10)
    at(monkeypatch, SATURDAY)
    settings = load_settings(archive.directory)
    set_fixity(archive, 'every = "70 days"\n')
    [daily] = audit_plan(settings, AuditRequest(store=StoreName("first")))
    set_fixity(archive, 'every = "70 days"\ndays = ["Sat"]\n')
    [weekly] = audit_plan(settings, AuditRequest(store=StoreName("first")))
    assert (daily.bytes, weekly.bytes) == (-(-of // 70), -(-of // 10))
