"""``muniment journal``: its output for people and for programs."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import Result, invoked
from support.records import MOMENT, an_event, events

from flows.installation.init import make_installation
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.errors import AlreadyExistsError, ConfigurationError, IntegrityError, NotFoundError
from storage.journal.keys import public_keys
from storage.journal.sealing import agreeing, publish
from storage.journal.segments import sign_head


def run(*arguments: str | Path) -> Result:
    """Run the verbs as ``muniment journal`` does, with errors as they are raised."""
    result = invoked("journal", *map(str, arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def installation(published_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(published_once, tmp_path / "archive")


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation whose journal tells of two objects and was published: made once, and only copied."""
    home = tmp_path_factory.mktemp("published") / "archive"
    make_installation(home)
    settings = load_settings(home)
    with open_installation(settings) as opened:
        opened.journal.append(events(range(3), "maps/sheet/v1"))
        opened.journal.append(events(range(3, 5), "maps/other/v1"))
        sign_head(opened.journal, opened.signing_key, MOMENT)
        keys = public_keys(settings.keys)
        for store in opened.stores:
            publish(opened.journal, keys, agreeing(opened.journal, keys, store), settings.state)
        opened.journal.append(
            [an_event(5, "maps/sheet/v1", note="after\nthe \N{RIGHT-TO-LEFT OVERRIDE}head")]
        )
    return home


def tamper(installation: Path, *statements: str) -> None:
    """Change the journal as another account with the database's file could."""
    connection = sqlite3.connect(installation / "state" / "muniment.db")
    for verb in ("UPDATE", "DELETE"):
        connection.execute(f"DROP TRIGGER journal_is_append_only_{verb}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_an_intact_journal_is_said_to_be_intact(installation: Path):
    result = run("verify", "-C", installation)
    assert result.exit_code == 0
    assert result.stdout.startswith("INTACT")
    assert "6 entries" in result.stdout
    assert "up to 5 are vouched for" in result.stdout


def test_the_verdict_as_json(installation: Path):
    (line,) = run("verify", "-C", installation, "--json").stdout.splitlines()
    told = json.loads(line)
    assert (told["version"], told["intact"], told["entries"]) == (1, True, 6)
    assert told["signed"]["seq"] == 5
    assert told["faults"] == []


@pytest.mark.parametrize(
    ("statement", "kind", "seq"),
    [
        ("UPDATE journal SET line = replace(line, 'act 1', 'act 7') WHERE seq = 2", "altered", 2),
        ("DELETE FROM journal WHERE seq = 3", "missing", 3),
        ("DELETE FROM journal WHERE seq = 6", "truncated", 6),
        ("DELETE FROM journal", "truncated", 1),
        ("UPDATE journal SET subject = 'maps/nothing' WHERE seq = 4", "misfiled", 4),
        ("UPDATE journal SET identifier = 'x' WHERE seq = 4", "misfiled", 4),
        (
            "UPDATE journal_signed_heads SET signature = substr(signature, 65) || substr(signature, 1, 64)",
            "missigned",
            5,
        ),
    ],
)
def test_a_change_in_the_database_is_found_and_named(installation: Path, statement: str, kind: str, seq: int):
    tamper(installation, statement)
    result = run("verify", "-C", installation, "--json")
    assert result.exit_code == 4
    told = json.loads(result.stdout)
    assert told["intact"] is False
    assert [(fault["kind"], fault["seq"]) for fault in told["faults"]] == [(kind, seq)]
    said = run("verify", "-C", installation)
    assert said.exit_code == 4
    assert said.stdout.startswith("BROKEN")
    assert f"entry {seq}" in said.stdout


def cut_with_its_heads(installation: Path, last: int) -> None:
    """Leave what a backup of the database, made at entry ``last``, would put back."""
    statements = (
        "DELETE FROM journal WHERE seq > LAST",
        "DELETE FROM journal_signed_heads WHERE seq > LAST",
        "UPDATE journal_head SET seq = LAST, hash = printf('%064d', 0)",
        """UPDATE journal_head SET hash = json_extract(CAST(journal.line AS TEXT), '$.hash')
           FROM journal WHERE journal.seq = LAST""",
    )
    tamper(installation, *(statement.replace("LAST", str(last)) for statement in statements))


@pytest.mark.parametrize("last", [0, 4])
def test_a_journal_cut_with_its_heads_is_known_by_the_store(installation: Path, last: int):
    cut_with_its_heads(installation, last)
    result = run("verify", "-C", installation, "--json")
    assert result.exit_code == 4
    told = json.loads(result.stdout)
    assert told["entries"] == last
    for store, fault in zip(("first", "second"), told["faults"], strict=True):
        assert (fault["kind"], fault["seq"]) == ("truncated", 5)
        assert f"store {store}, _journal/000000001-000000005.head.json" in fault["message"]


def test_a_chain_that_went_on_from_a_backup_is_known_by_the_store_and_not_sealed(
    installation: Path, tmp_path: Path
):
    cut_with_its_heads(installation, 4)
    settings = load_settings(installation)
    with open_installation(settings) as opened:
        opened.journal.append(events(range(10, 13), "maps/new/v1"))
        sign_head(opened.journal, opened.signing_key, MOMENT)
        kept = [kept.key for kept in opened.stores[0].list()]
        with pytest.raises(IntegrityError, match=r"store first.*entry 5.*docs/journal\.md"):
            publish(
                opened.journal,
                public_keys(settings.keys),
                agreeing(opened.journal, public_keys(settings.keys), opened.stores[0]),
                tmp_path,
            )
        assert [kept.key for kept in opened.stores[0].list()] == kept
    result = run("verify", "-C", installation, "--json")
    assert result.exit_code == 4
    faults = json.loads(result.stdout)["faults"]
    assert [(fault["kind"], fault["seq"]) for fault in faults] == [("rewritten", 5)] * 2
    assert "store first" in faults[0]["message"]


@pytest.mark.parametrize("away", [("second",), ("first", "second")])
def test_where_a_store_cannot_be_compared_that_is_the_verdict_and_nothing_is_called_intact(
    installation: Path, away: tuple[str, ...]
):
    for name in away:
        (installation / "stores" / name).rename(installation / "stores" / f"unplugged-{name}")
    result = run("verify", "-C", installation)
    assert result.exit_code == 6
    assert result.stdout.startswith("NOT COMPARED")
    headline = result.stdout.splitlines()[0]
    assert "whether some were cut off is not known" in headline
    assert "missing" not in headline
    for name in away:
        assert f"Store {name} was not, or not wholly, compared" in result.stdout
    told = json.loads(run("verify", "-C", installation, "--json").stdout)
    assert tuple(one["store"] for one in told["not_compared"]) == away
    assert told["faults"] == []
    # It is told as a job that did not do its work, and so becomes an alarm.
    record = record_of(Job.VERIFY_JOURNAL, load_settings(installation))
    assert (record.ended, "Store second" in record.fault) == (None, True)


@pytest.mark.parametrize("left", ["*", "*.jsonl", "*.head.json", "*.pub.pem"])
def test_a_store_that_lacks_what_was_sealed_is_no_comparison(installation: Path, left: str):
    for file in (installation / "stores" / "first" / "_journal").glob(left):
        file.unlink()
    result = run("verify", "-C", installation)
    assert (result.exit_code, result.stdout[:12]) == (6, "NOT COMPARED")
    assert "Store first was not, or not wholly, compared: of 3 files of the sealed" in result.stdout
    assert run("seal", "-C", installation).exit_code == 0
    assert run("verify", "-C", installation).exit_code == 0


def test_a_broken_journal_is_broken_also_where_a_store_cannot_be_compared(installation: Path):
    tamper(installation, "DELETE FROM journal WHERE seq = 3")
    (installation / "stores" / "second").rename(installation / "stores" / "unplugged")
    result = run("verify", "-C", installation)
    assert result.exit_code == 4
    assert result.stdout.startswith("BROKEN")
    assert "Store second was not" in result.stdout


def test_a_head_in_a_store_that_nobody_of_ours_signed_is_named(installation: Path):
    (head,) = (installation / "stores" / "first" / "_journal").glob("*.head.json")
    fields = json.loads(head.read_bytes())
    strange = head.with_name("000000006-000000009.head.json")
    strange.write_text(json.dumps({**fields, "seq": 9}), encoding="utf-8")
    told = json.loads(run("verify", "-C", installation, "--json").stdout)
    assert [(fault["kind"], fault["seq"]) for fault in told["faults"]] == [("missigned", 9)]
    strange.write_bytes(b"rubbish")
    result = run("verify", "-C", installation)
    assert result.exit_code == 4
    assert strange.name in result.stdout


@pytest.mark.parametrize("suffix", [".jsonl", ".head.json", ".pub.pem"])
def test_a_damaged_copy_is_named_given_again_beside_itself_and_journaled(installation: Path, suffix: str):
    folder = installation / "stores" / "first" / "_journal"
    (damaged,) = folder.glob(f"*{suffix}")
    before = bytearray(damaged.read_bytes())
    before[len(before) // 2] ^= 1
    damaged.chmod(0o644)
    damaged.write_bytes(before)
    told = json.loads(run("verify", "-C", installation, "--json").stdout)
    assert (told["intact"], told["faults"], told["findings"][0]["kind"]) == (False, [], "copy-damaged")
    said = run("verify", "-C", installation)
    assert (said.exit_code, said.stdout[:9]) == (4, "DISAGREES")
    assert damaged.name in said.stdout

    sealed = run("seal", "-C", installation)
    assert sealed.exit_code == 0
    assert f"store first had 1 damaged file of the journal (_journal/{damaged.name})" in sealed.stdout
    assert damaged.read_bytes() == before
    assert (folder / damaged.name.replace(suffix, f".2{suffix}")).exists()
    assert run("verify", "-C", installation).exit_code == 0
    assert "damaged file of the journal" in run("show", "_journal", "-C", installation).stdout
    assert run("verify", "--from", folder, "-C", installation).exit_code == 0
    assert "has sound ones" not in run("seal", "-C", installation).stdout


def test_a_cut_journal_is_restored_from_a_store_and_intact_again(installation: Path):
    before = run("show", "-C", installation, "--limit", "9", "--json").stdout.splitlines()
    cut_with_its_heads(installation, 3)
    store = installation / "stores" / "first" / "_journal"
    result = run("restore", "--from", store, "-C", installation, "--json")
    assert json.loads(result.stdout)["restored"] == 2
    assert run("verify", "-C", installation).exit_code == 0
    assert run("show", "-C", installation, "--json").stdout.splitlines() == before[:5]
    assert "Put back 0 entries" in run("restore", "--from", store, "-C", installation).stdout


def test_nothing_is_put_back_into_a_broken_journal(installation: Path):
    tamper(installation, "DELETE FROM journal WHERE seq = 2")
    with pytest.raises(IntegrityError, match="entry 2 is missing"):
        run("restore", "--from", installation / "stores" / "first" / "_journal", "-C", installation)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal_head",
        "INSERT INTO journal_head (id, seq, hash) SELECT id + 1, seq, hash FROM journal_head",
    ],
)
def test_a_journal_without_its_one_head_is_broken_and_not_appended_to(
    installation: Path, tmp_path: Path, statement: str
):
    tamper(installation, statement)
    result = run("verify", "-C", installation, "--json")
    assert result.exit_code == 4
    assert [fault["kind"] for fault in json.loads(result.stdout)["faults"]] == ["headless"]
    exported = run("export", tmp_path / "evidence", "-C", installation)
    assert exported.exit_code == 4
    assert "journal_head" in exported.stdout
    with (
        open_installation(load_settings(installation)) as opened,
        pytest.raises(IntegrityError, match="journal_head"),
    ):
        opened.journal.append([an_event(9)])


def test_a_signature_that_is_no_signature_at_all_is_named(installation: Path):
    tamper(installation, "UPDATE journal_signed_heads SET signature = 'Ünsinn'")
    told = json.loads(run("verify", "-C", installation, "--json").stdout)
    assert [(fault["kind"], fault["seq"]) for fault in told["faults"]] == [("missigned", 5)]


@pytest.mark.parametrize(
    ("seq", "statement"),
    [
        (2, "UPDATE journal SET line = replace(line, 'act', 'ACT') WHERE seq = 2"),
        (6, "UPDATE journal SET line = replace(line, 'act', 'ACT') WHERE seq = 6"),
    ],
)
def test_a_broken_journal_is_exported_as_evidence_and_not_signed(
    installation: Path, tmp_path: Path, seq: int, statement: str
):
    tamper(installation, statement)
    target = tmp_path / "evidence"
    result = run("export", target, "-C", installation, "--json")
    assert result.exit_code == 4
    told = json.loads(result.stdout)
    assert (told["intact"], told["entries"]) == (False, 6)
    assert [(fault["kind"], fault["seq"]) for fault in told["faults"]] == [("altered", seq)]
    assert b"ACT" in (target / "journal.jsonl").read_bytes().splitlines()[seq - 1]
    assert len((target / "heads.jsonl").read_bytes().splitlines()) == 1
    assert "BROKEN" in run("export", tmp_path / "again", "-C", installation).stdout


def test_the_database_itself_refuses_to_change_the_journal(installation: Path):
    connection = sqlite3.connect(installation / "state" / "muniment.db")
    for statement in ("UPDATE journal SET line = 'x'", "DELETE FROM journal"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_the_story_of_an_object_is_told_to_a_person(installation: Path):
    result = run("show", "maps/sheet", "-C", installation)
    assert result.exit_code == 0
    assert "Saturday, 21 November 2026" in result.stdout
    assert "01:15:00  replication: maps/sheet/v1" in result.stdout
    assert "maps/other" not in result.stdout
    assert "after\\nthe \\u202ehead" in result.stdout


def test_entries_are_told_as_json(installation: Path):
    lines = run("show", "-C", installation, "--limit", "2", "--json").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [5, 6]
    assert json.loads(lines[1])["note"] == "after\nthe \N{RIGHT-TO-LEFT OVERRIDE}head"


def test_an_object_of_which_nothing_is_told_is_an_error(installation: Path):
    with pytest.raises(NotFoundError, match="maps/nothing"):
        run("show", "maps/nothing", "-C", installation)


def test_an_empty_journal_is_said_to_be_empty(tmp_path: Path):
    make_installation(tmp_path / "new")
    result = run("show", "-C", tmp_path / "new")
    assert result.exit_code == 0
    assert "empty" in result.stderr


def test_an_altered_entry_is_not_told_as_if_nothing_were(installation: Path):
    tamper(installation, "UPDATE journal SET line = replace(line, 'act 1', 'act 7') WHERE seq = 2")
    with pytest.raises(IntegrityError, match="entry 2"):
        run("show", "maps/sheet", "-C", installation)


def test_an_export_is_checked_by_what_lies_in_it(installation: Path, tmp_path: Path):
    target = tmp_path / "export"
    result = run("export", target, "-C", installation, "--json")
    assert json.loads(result.stdout)["entries"] == 6
    readme = (target / "README.txt").read_text(encoding="utf-8")
    command = readme[readme.index("python3 check_journal.py") :].split("\n\n")[0]
    assert command == "python3 check_journal.py"
    # From another folder, for it checks what lies beside it and not what lies where it is called.
    checked = subprocess.run(
        [sys.executable, "-I", "-S", target / "check_journal.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "The chain holds: 6 entries" in checked.stdout
    assert "every signature holds" in checked.stdout
    for name in ("journal.jsonl", "heads.jsonl", ".pub.pem"):
        assert f"{name}\n" in checked.stdout

    verified = run("verify", "--from", target, "-C", installation)
    assert verified.exit_code == 0
    assert "6 entries" in verified.stdout


def test_an_export_that_was_tampered_with_is_refused_by_both_checks(installation: Path, tmp_path: Path):
    target = tmp_path / "export"
    run("export", target, "-C", installation)
    lines = (target / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (target / "journal.jsonl").write_bytes(b"".join(lines[:5]))
    assert run("verify", "--from", target, "-C", installation).exit_code == 4
    checked = subprocess.run(
        [sys.executable, "check_journal.py", "journal.jsonl", "--head", "heads.jsonl"],
        cwd=target,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1
    assert "cut off from entry 6" in checked.stdout


def test_an_export_overwrites_nothing(installation: Path, tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(AlreadyExistsError, match="there"):
        run("export", tmp_path / "there", "-C", installation)
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["file"]


def test_a_stranger_verifies_an_export_without_an_installation(
    installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run("export", tmp_path / "export", "-C", installation)
    (tmp_path / "laptop").mkdir()
    monkeypatch.chdir(tmp_path / "laptop")
    monkeypatch.delenv("MUNIMENT_HOME", raising=False)
    result = run("verify", "--from", tmp_path / "export")
    assert result.exit_code == 0
    assert "compare it" in result.stderr
    stated = json.loads(run("verify", "--from", tmp_path / "export", "--json").stdout)
    assert stated["keys_beside"] == [stated["signed"]["key"]]


def test_another_archives_journal_is_not_taken_for_ours(installation: Path, tmp_path: Path):
    run("export", tmp_path / "export", "-C", installation)
    make_installation(tmp_path / "another")
    result = run("verify", "--from", tmp_path / "export", "-C", tmp_path / "another")
    assert result.exit_code == 4
    assert "not ours" in result.stdout


def test_the_journal_in_a_store_is_verified_where_it_lies(installation: Path):
    place = installation / "stores" / "first" / "_journal"
    result = run("verify", "--from", place, "-C", installation)
    assert result.exit_code == 0
    assert "5 entries" in result.stdout
    assert (
        json.loads(run("verify", "--from", place, "-C", installation, "--json").stdout)["keys_beside"] == []
    )


def test_an_export_without_the_key_says_what_to_do(installation: Path, tmp_path: Path):
    (installation / "state" / "keys" / "journal.pem").unlink()
    with pytest.raises(ConfigurationError, match="backup"):
        run("export", tmp_path / "export", "-C", installation)
