"""Packages that another installation wrote come along: copied as they are, or recorded where they lie."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from services.buckets import client, new_address, speak_as_the_archive
from support.archives import MUNIMENT, Archive
from support.bucket_archives import put_second_store_into
from support.command_runs import NearArchive, near
from support.database_rows import database_rows
from support.flow_runs import installed, preserved
from support.json_lines import lines_of
from support.waiting import until

from flows.adoption.adopt import LeftToAdopt
from flows.adoption.adopt_packages import adopt_packages
from flows.adoption.package_outcomes import AdoptedPackage
from flows.adoption.package_plan import RefusedPackage, plan_packages
from flows.adoption.package_progress import PackageProgress
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from flows.submission.workspace import lock_of
from preservation.files.lock import locked
from preservation.model.identifiers import parse_object_id
from preservation.model.verdicts import Verdict


@pytest.fixture(scope="module")
def foreign_once(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Another installation: an object of two versions, of which the second repeats little, and another."""
    folder = tmp_path_factory.mktemp("foreign")
    archive = near(installed(folder / "foreign"))
    drop = folder / "letters"
    drop.mkdir()
    for number in range(3):
        (drop / f"page {number}.txt").write_text(f"Page {number}\n" * 100)
    assert preserved(archive, drop).ending.verdict is Verdict.STORED
    (drop / "page 3.txt").write_text("A page more\n")
    assert preserved(archive, drop).ending.verdict is Verdict.STORED
    (folder / "diary").mkdir()
    (folder / "diary" / "monday.txt").write_text("Rain\n")
    assert preserved(archive, folder / "diary").ending.verdict is Verdict.STORED
    assert archive.run("journal", "seal").returncode == 0
    return archive


@pytest.fixture
def archive(fresh: NearArchive) -> NearArchive:
    return fresh


@pytest.fixture
def foreign(foreign_once: Archive, tmp_path: Path) -> Path:
    """A store of the other installation, to be damaged at will."""
    store = shutil.copytree(foreign_once.store("first"), tmp_path / "foreign store")
    subprocess.run(["chmod", "-R", "u+w", store], check=True)
    return store


ALL = ["files/diary/v1", "files/letters/v1", "files/letters/v2"]


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packages_of(store: Path) -> dict[str, bytes]:
    return {f"files/{path}": content for path, content in content_of(store / "files").items()}


def verdicts_of(finished: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {line["package"]: line["verdict"] for line in lines_of(finished, "result")}


def test_packages_of_another_installation_are_copied_byte_for_byte(archive: NearArchive, foreign: Path):
    before, rows = content_of(foreign), database_rows(archive)
    dry = archive.run("adopt", foreign, "--json", "--dry-run")
    assert dry.returncode == 0, dry
    assert sorted(line["package"] for line in lines_of(dry, "package")) == ALL
    assert "for which nothing here vouches" in lines_of(dry, "plan")[0]["journal"]
    assert database_rows(archive) == rows
    done = archive.run("adopt", foreign, "--json")
    assert done.returncode == 0, done
    assert verdicts_of(done) == dict.fromkeys(ALL, "adopted")
    assert content_of(foreign) == before
    for store in ("first", "second"):
        assert packages_of(archive.store(store)) == packages_of(foreign)
    assert archive.run("journal", "verify").stdout.startswith("INTACT")
    assert archive.run("audit", "--all").returncode == 0
    assert archive.run("restore", "files/letters", archive.directory.parent / "out").returncode == 0
    shown = archive.run("journal", "show", "files/letters/v2").stdout
    assert "alike in its former journal" in shown
    again = archive.run("adopt", foreign, "--json")
    assert (again.returncode, verdicts_of(again)) == (0, {})
    assert lines_of(again, "plan")[0]["kept_before"] == 3


def test_what_was_adopted_comes_again_row_by_row_when_the_database_is_lost(
    archive: NearArchive, foreign: Path
):
    assert archive.run("adopt", foreign).returncode == 0
    rows = database_rows(archive)
    for file in (archive.directory / "state").glob("muniment.db*"):
        file.unlink()
    assert archive.run("rebuild").returncode == 0
    assert database_rows(archive) == rows


def test_a_further_version_goes_on_from_an_adopted_one(archive: NearArchive, foreign: Path, tmp_path: Path):
    assert archive.run("adopt", foreign).returncode == 0
    assert archive.run("restore", "files/letters", tmp_path / "letters").returncode == 0
    (tmp_path / "letters" / "page 4.txt").write_text("Found in the attic\n")
    told = preserved(archive, tmp_path / "letters")
    assert str(told.ending.package) == "files/letters/v3"
    assert len(list((archive.store("first") / "files/letters/v3/data/originals").iterdir())) == 1


def test_a_damaged_package_is_refused_with_its_files_and_others_go_on(archive: NearArchive, foreign: Path):
    (foreign / "files/letters/v1/data/originals/page 1.txt").write_text("Page 7\n" * 100)
    done = archive.run("adopt", foreign, "--json")
    assert done.returncode == 3, done
    assert verdicts_of(done) == {
        "files/diary/v1": "adopted",
        "files/letters/v1": "refused",
        "files/letters/v2": "refused",
    }
    said = {line["package"]: line["sentence"] for line in lines_of(done, "result")}
    assert "page 1.txt" in said["files/letters/v1"]
    for store in ("first", "second"):
        assert not list((archive.store(store) / "files").glob("letters/v*/tagmanifest-*"))
    assert not any(row["name"] == "letters" for row in database_rows(archive)["versions"])


def test_a_package_altered_together_with_its_manifests_is_refused_by_its_former_journal(
    archive: NearArchive, foreign: Path
):
    forged = foreign / "files/diary/v1"
    tags = forged / "tagmanifest-sha256.txt"
    tags.write_text("\n".join(reversed(tags.read_text().splitlines())) + "\n")
    done = archive.run("adopt", foreign, "--json")
    assert done.returncode == 3, done
    [refused] = lines_of(done, "refused")
    assert refused["package"] == "files/diary/v1"
    assert "it was altered since" in refused["sentence"]


def test_without_its_journal_nothing_is_said_to_vouch_for_it(archive: NearArchive, foreign: Path):
    shutil.rmtree(foreign / "_journal")
    assert archive.run("adopt", foreign).returncode == 0
    shown = archive.run("journal", "show", "files/diary/v1").stdout
    assert "nothing states what they were when it was kept (no journal lies beside it)" in shown


def test_another_version_of_the_same_name_is_refused_and_ours_stays(
    archive: NearArchive, foreign: Path, tmp_path: Path
):
    (tmp_path / "diary").mkdir()
    (tmp_path / "diary" / "tuesday.txt").write_text("Snow\n")
    assert preserved(archive, tmp_path / "diary").ending.verdict is Verdict.STORED
    kept = packages_of(archive.store("first"))
    done = archive.run("adopt", foreign, "--json")
    assert done.returncode == 3, done
    assert [line["package"] for line in lines_of(done, "refused")] == ["files/diary/v1"]
    assert kept.items() <= packages_of(archive.store("first")).items()


def test_a_copy_of_a_store_without_hidden_names_is_not_taken_for_bags(archive: NearArchive, foreign: Path):
    (foreign / ".incoming").rmdir()
    refused = archive.run("adopt", foreign, "--collection", "files")
    assert (refused.returncode, "make that folder there" in refused.stderr) == (2, True)


def test_a_collection_without_a_policy_here_is_refused(archive: NearArchive, foreign: Path):
    (foreign / "files").rename(foreign / "elsewhere")
    done = archive.run("adopt", foreign, "--json", "--dry-run")
    assert done.returncode == 3, done
    assert "there is no collection elsewhere" in lines_of(done, "refused")[0]["sentence"]


def test_a_store_that_is_away_interrupts_and_the_next_run_goes_on(archive: NearArchive, foreign: Path):
    away = archive.store("second").rename(archive.directory / "away")
    done = archive.run("adopt", foreign, "--json")
    assert done.returncode == 6, done
    assert set(verdicts_of(done).values()) == {"interrupted"}
    assert archive.run("list", "--json").stdout == ""
    away.rename(archive.store("second"))
    assert archive.run("adopt", foreign).returncode == 0
    assert packages_of(archive.store("second")) == packages_of(foreign)


@pytest.fixture
def stopped(archive: NearArchive, foreign: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lock with which the first package was stopped, after which the run ended."""
    monkeypatch.setattr("flows.adoption.adopt_packages.MOST_IN_A_ROW", 1)
    place = lock_of(load_settings(archive.directory).processing, parse_object_id("files/diary"))
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place):
        assert verdicts_of(archive.run("adopt", foreign, "--json")) == {ALL[0]: "interrupted"}
    return place


def test_a_package_that_is_stopped_each_time_is_in_the_way_of_no_others(
    archive: NearArchive, foreign: Path, stopped: Path
):
    with locked(stopped):
        again = verdicts_of(archive.run("adopt", foreign, "--json"))
        assert again == {ALL[1]: "adopted", ALL[2]: "adopted", ALL[0]: "interrupted"}
    assert verdicts_of(archive.run("adopt", foreign, "--json"))[ALL[0]] == "adopted"


@pytest.mark.usefixtures("stopped")
def test_what_a_budget_does_not_reach_stays_last(archive: NearArchive, foreign: Path):
    runs = [archive.run("adopt", foreign, "--json", "--budget", "1 kB") for _ in range(3)]
    assert [verdicts_of(run) for run in runs] == [{one: "adopted"} for one in (ALL[1], ALL[2], ALL[0])]


def test_a_budget_stops_and_the_next_run_goes_on_with_packages(archive: NearArchive, foreign: Path):
    seen: list[str] = []
    for _ in range(9):
        run = archive.run("adopt", foreign, "--json", "--budget", "1 kB")
        seen += verdicts_of(run)
        if run.returncode == 0:
            break
        assert (run.returncode, len(lines_of(run, "later"))) == (6, 1), run
    assert seen == ALL


def test_killed_in_the_midst_packages_go_on_and_none_is_kept_twice(archive: NearArchive, foreign: Path):
    for needed in (1, 2):
        with subprocess.Popen(
            [str(MUNIMENT), "adopt", foreign, "-C", archive.directory],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=archive.environment,
        ) as process:
            stores = [archive.store("first"), archive.store("second")]
            until(lambda: sum(len(list(one.glob("files/*/v*"))) for one in stores) >= needed)  # noqa: B023  used in this round
            process.send_signal(signal.SIGKILL)
    again = archive.run("adopt", foreign)
    assert again.returncode == 0, again
    for store in ("first", "second"):
        assert packages_of(archive.store(store)) == packages_of(foreign)
    assert archive.run("journal", "verify").stdout.startswith("INTACT")
    registered = [row["package_id"] for row in database_rows(archive)["replicas"]]
    assert sorted(registered) == sorted(ALL * 2)


@pytest.fixture
def joined(archive: NearArchive, foreign: Path) -> NearArchive:
    """An installation whose settings name the foreign store as a third of its own."""
    settings = archive.directory / "muniment.toml"
    identity = (foreign / ".identity").read_text().strip()
    third = f'name = "old"\nkind = "folder"\npath = "{foreign}"\nsite = "far"\nidentity = "{identity}"\n'
    settings.write_text(f"{settings.read_text()}\n[[store]]\n{third}")
    return archive


def test_packages_in_a_store_of_ours_are_recorded_where_they_lie(
    joined: NearArchive, foreign: Path, tmp_path: Path
):
    refused = joined.run("adopt", foreign)
    assert refused.returncode == 2, refused
    assert "the journal of another installation" in refused.stderr
    journal = (foreign / "_journal").rename(tmp_path / "former journal")
    before = content_of(foreign)
    dry = joined.run("adopt", foreign, "--journal", journal, "--json", "--dry-run")
    assert (dry.returncode, lines_of(dry, "plan")[0]["becomes"]) == (0, "recorded in place")
    done = joined.run("adopt", foreign, "--journal", journal, "--json")
    # One copy is not yet what the policy asks for, and so it is not green.
    assert done.returncode == 6, done
    assert "asks for 2 copies" in lines_of(done, "result")[0]["sentence"]
    assert verdicts_of(done) == dict.fromkeys(ALL, "adopted")
    assert {line["stores"][0] for line in lines_of(done, "result")} == {"old"}
    after = content_of(foreign)
    assert {key: after[key] for key in before} == before
    assert {key.split("/")[0] for key in after.keys() - before.keys()} == {"_journal"}
    assert not list((joined.store("first") / "files").glob("*"))
    assert joined.run("replicate", "--missing").returncode == 0
    assert packages_of(joined.store("second")) == packages_of(foreign)
    assert joined.run("journal", "verify").stdout.startswith("INTACT")
    assert joined.run("adopt", foreign, "--journal", journal).returncode == 0


def test_in_place_a_damaged_package_is_refused(joined: NearArchive, foreign: Path):
    shutil.rmtree(foreign / "_journal")
    (foreign / "files/diary/v1/data/originals/monday.txt").write_text("Hail\n")
    done = joined.run("adopt", foreign, "--json")
    assert done.returncode == 6, done
    assert verdicts_of(done)["files/diary/v1"] == "refused"
    assert verdicts_of(done)["files/letters/v2"] == "adopted"


def test_in_place_a_version_that_relies_on_one_that_is_gone_is_refused(
    joined: NearArchive, foreign: Path, tmp_path: Path
):
    journal = (foreign / "_journal").rename(tmp_path / "former journal")
    (foreign / "files/letters/v1").rename(tmp_path / "v1")
    done = joined.run("adopt", foreign, "--journal", journal, "--json")
    assert verdicts_of(done) == {"files/diary/v1": "adopted", "files/letters/v2": "refused"}
    said = {line["package"]: line["sentence"] for line in lines_of(done, "result")}
    assert "it relies on files/letters/v1" in said["files/letters/v2"]
    (tmp_path / "v1").rename(foreign / "files/letters/v1")
    again = joined.run("adopt", foreign, "--journal", journal, "--json")
    assert verdicts_of(again) == {"files/letters/v1": "adopted", "files/letters/v2": "adopted"}


def test_in_place_the_journal_says_where_it_was_found_and_what_it_was_held_against(
    joined: NearArchive, foreign: Path, tmp_path: Path
):
    journal = (foreign / "_journal").rename(tmp_path / "former journal")
    assert joined.run("adopt", foreign, "--journal", journal).returncode == 6
    shown = joined.run("journal", "show", "files/letters/v2").stdout
    assert "alike in its former journal" in shown
    assert "nothing states what they were" not in shown
    accession = joined.run("journal", "show", "files/letters").stdout
    assert f"adopted from {foreign}/files/letters/v2, where another installation kept it" in accession
    assert "had no accession" not in accession


def test_in_place_a_package_altered_after_the_plan_is_held_against_its_former_journal(
    joined: NearArchive, foreign: Path, tmp_path: Path
):
    journal = (foreign / "_journal").rename(tmp_path / "former journal")
    settings = load_settings(joined.directory)
    with open_installation(settings) as installation:
        source = next(store for store in installation.stores if store.name == "old")
        plan = plan_packages(source, source.name, installation, tmp_path, journal=journal)
        tags = foreign / "files/diary/v1/tagmanifest-sha256.txt"
        tags.write_text("\n".join(reversed(tags.read_text().splitlines())) + "\n")
        ends = {
            str(one.package): type(one)
            for one in adopt_packages(plan, installation, tmp_path, PackageProgress(plan))
            if not isinstance(one, LeftToAdopt)
        }
    assert ends["files/diary/v1"] is RefusedPackage
    assert ends["files/letters/v2"] is AdoptedPackage


def test_what_was_adopted_in_place_comes_again_row_by_row(joined: NearArchive, foreign: Path, tmp_path: Path):
    journal = (foreign / "_journal").rename(tmp_path / "former journal")
    assert joined.run("adopt", foreign, "--journal", journal).returncode == 6
    rows = database_rows(joined)
    for file in (joined.directory / "state").glob("muniment.db*"):
        file.unlink()
    assert joined.run("rebuild").returncode == 0
    again = database_rows(joined)
    # A rebuilt catalogue has the identities of all stores.
    assert {**again, "stores": rows["stores"]} == rows


def test_a_gap_in_the_numbers_is_named(archive: NearArchive, foreign: Path, tmp_path: Path):
    (foreign / "files/letters/v1").rename(tmp_path / "v1")
    done = archive.run("adopt", foreign, "--json")
    assert verdicts_of(done) == {"files/diary/v1": "adopted", "files/letters/v2": "refused"}
    said = {line["package"]: line["sentence"] for line in lines_of(done, "result")}
    assert "files/letters/v1 is missing before it" in said["files/letters/v2"]


def test_a_version_that_lost_its_tag_manifest_is_named(joined: NearArchive, foreign: Path, tmp_path: Path):
    journal = (foreign / "_journal").rename(tmp_path / "former journal")
    (foreign / "files/letters/v2/tagmanifest-sha256.txt").unlink()
    dry = joined.run("adopt", foreign, "--journal", journal, "--json", "--dry-run")
    assert dry.returncode == 3, dry
    [refused] = lines_of(dry, "refused")
    assert refused["package"] == "files/letters/v2"
    assert "has no tag manifest" in refused["sentence"]


def test_one_tag_manifest_that_cannot_be_read_refuses_its_version_and_no_other(
    archive: NearArchive, foreign: Path
):
    tags = foreign / "files/diary/v1/tagmanifest-sha256.txt"
    tags.rename(foreign / "elsewhere")
    tags.symlink_to(foreign / "elsewhere")
    (foreign / "files/diary/v1/tagmanifest-md5.txt").write_text("")
    with (foreign / "files/letters/v2/tagmanifest-sha256.txt").open("r+b") as large:
        large.truncate(1 << 40)
    dry = archive.run("adopt", foreign, "--json", "--dry-run")
    assert dry.returncode == 3, dry
    said = {line["package"]: line["sentence"] for line in lines_of(dry, "refused")}
    assert said.keys() == {"files/diary/v1", "files/letters/v2"}
    assert "is no tag manifest of Muniment" in said["files/letters/v2"]


def test_what_lies_where_a_package_is_to_be_copied_is_not_removed(archive: NearArchive, foreign: Path):
    stray = archive.store("second") / "files/diary/v1/data/originals/monday.txt"
    stray.parent.mkdir(parents=True)
    stray.write_text("Somebody's Monday\n")
    (foreign / "files/diary/v1/data/originals/monday.txt").write_text("Hail\n")
    done = archive.run("adopt", foreign, "--json")
    assert verdicts_of(done)["files/diary/v1"] == "refused"
    said = {line["package"]: line["sentence"] for line in lines_of(done, "result")}
    assert "move that folder elsewhere" in said["files/diary/v1"]
    assert stray.read_text() == "Somebody's Monday\n"


def test_a_drop_removes_nothing_that_lies_under_its_number_and_is_not_its_own(
    archive: NearArchive, tmp_path: Path
):
    stray = archive.store("second") / "files/memoir/v1/data/originals/chapter 9.txt"
    stray.parent.mkdir(parents=True)
    stray.write_text("Somebody's\n")
    (tmp_path / "memoir").mkdir()
    (tmp_path / "memoir" / "chapter 1.txt").write_text("I was born\n")
    told = preserved(archive, tmp_path / "memoir")
    assert told.ending.verdict is Verdict.INTERRUPTED
    assert "move that folder elsewhere" in told.ending.sentence
    (tmp_path / "memoir" / "chapter 2.txt").write_text("I grew\n")
    assert preserved(archive, tmp_path / "memoir").ending.verdict is Verdict.INTERRUPTED
    assert packages_of(archive.store("second")) == {
        "files/memoir/v1/data/originals/chapter 9.txt": b"Somebody's\n"
    }
    (archive.store("second") / "files/memoir").rename(tmp_path / "elsewhere")
    assert preserved(archive, tmp_path / "memoir").ending.verdict is Verdict.STORED


def test_in_place_what_is_on_its_way_here_is_left_to_its_own_run(
    joined: NearArchive, foreign: Path, tmp_path: Path
):
    journal = (foreign / "_journal").rename(tmp_path / "former journal")
    (tmp_path / "memoir").mkdir()
    (tmp_path / "memoir" / "chapter 1.txt").write_text("I was born\n")
    for name in ("first", "second"):
        joined.store(name).rename(joined.directory / f"{name} away")
    assert preserved(joined, tmp_path / "memoir").ending.verdict is Verdict.INTERRUPTED
    assert (foreign / "files/memoir/v1/tagmanifest-sha256.txt").exists()
    for name in ("first", "second"):
        (joined.directory / f"{name} away").rename(joined.store(name))
    done = joined.run("adopt", foreign, "--journal", journal, "--json")
    assert verdicts_of(done) == {**dict.fromkeys(ALL, "adopted"), "files/memoir/v1": "interrupted"}
    assert preserved(joined, tmp_path / "memoir").ending.verdict is Verdict.STORED
    replicas = [row["store"] for row in database_rows(joined)["replicas"] if "memoir" in row["package_id"]]
    assert sorted(replicas) == ["first", "old", "second"]


def test_packages_in_a_bucket_are_recorded_where_they_lie(archive: NearArchive, foreign: Path):
    speak_as_the_archive()
    address = new_address()
    for key, content in packages_of(foreign).items():
        client().put_object(Bucket=address.bucket, Key=f"{address.prefix}/{key}", Body=content)
    place = f"s3://{address.bucket}/{address.prefix}"
    put_second_store_into(archive, address)
    done = archive.run("adopt", place, "--json")
    assert done.returncode == 6, done
    assert verdicts_of(done) == dict.fromkeys(ALL, "adopted")
    assert archive.run("replicate", "--missing").returncode == 0
    assert packages_of(archive.store("first")) == packages_of(foreign)
