from __future__ import annotations

import multiprocessing
import os
import pwd
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from services.small_disks import small_disk
from support.scripts import with_tests_on_path
from support.takes import MAPS, NOON, a_drop, a_take, an_area, contents, found_complete, takes_in

from flows.inboxes.folder import take as taking
from flows.inboxes.folder.take import CompleteDrop, NotTaken, take
from flows.inboxes.queue.takes import Take, take_holding
from flows.inboxes.recover import recover
from flows.installation.areas import Area
from preservation.errors import StorageError, UnavailableError

_NOBODY = 65534


def test_a_drop_is_taken_whole_and_the_take_says_what_it_is_of(tmp_path: Path):
    area = an_area(tmp_path)
    drop = a_drop(area)
    before = contents(drop)

    taken = take(found_complete(area, drop), NOON)

    assert isinstance(taken, Take)
    assert not drop.exists()
    assert contents(taken.path) == before
    assert list(takes_in(area)) == [taken]
    assert take_holding(taken.path) == taken
    assert (taken.collection, taken.name, taken.files, taken.at) == (MAPS, "sheet-012", 3, NOON)


def test_a_take_is_found_on_another_machine_where_the_share_is_mounted_elsewhere(tmp_path: Path):
    taken = a_take(an_area(tmp_path / "here"))
    (tmp_path / "here").rename(tmp_path / "there")

    [found] = takes_in(Area(tmp_path / "there"))

    assert found.id == taken.id
    assert found.path.is_dir()


def test_what_a_user_brought_by_hand_is_in_no_take(tmp_path: Path):
    assert take_holding(a_drop(an_area(tmp_path))) is None


def test_a_drop_that_another_service_took_is_no_fault(tmp_path: Path):
    area = an_area(tmp_path)
    complete = found_complete(area, a_drop(area))
    take(complete, NOON)

    assert take(complete, NOON) == NotTaken(complete.path)
    assert len(list(area.taken.iterdir())) == 1


def test_another_drop_that_got_the_name_in_the_last_moment_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    area = an_area(tmp_path)
    drop = a_drop(area)
    complete = found_complete(area, drop)
    rename = taking._rename

    def too_late(complete: CompleteDrop, taken: Take) -> None:
        drop.rename(tmp_path / "taken by somebody else")
        a_drop(area, files=1)
        rename(complete, taken)

    monkeypatch.setattr(taking, "_rename", too_late)
    found = take(complete, NOON)

    assert isinstance(found, NotTaken)
    assert "was replaced" in found.sentence
    assert [path.name for path in drop.iterdir()] == ["000.txt"]
    assert list(area.taken.iterdir()) == []


def test_a_file_system_that_numbers_files_anew_is_no_hindrance(tmp_path: Path):
    area = an_area(tmp_path)
    complete = replace(found_complete(area, a_drop(area)), identity=(1, 1))

    assert isinstance(take(complete, NOON), Take)


def test_a_single_file_and_a_link_are_taken_as_they_are(tmp_path: Path):
    area = an_area(tmp_path)
    file, link = area.inbox / MAPS / "page.tif", area.inbox / MAPS / "link"
    file.write_text("x")
    link.symlink_to("/etc/passwd")

    for drop in (file, link):
        taken = take(found_complete(area, drop), NOON)
        assert isinstance(taken, Take)
        assert os.path.lexists(taken.path)
    assert (tmp_path / "processing/.taken").exists()


def test_the_sentinels_beside_a_drop_are_taken_with_it(tmp_path: Path):
    area = an_area(tmp_path)
    drop = a_drop(area)
    (drop.parent / "sheet-012.done").touch()

    taken = take(found_complete(area, drop, "sheet-012.done"), NOON)

    assert isinstance(taken, Take)
    assert taken.beside.has("sheet-012.done")
    assert list(drop.parent.iterdir()) == []


def test_a_group_that_became_a_link_leads_nowhere(tmp_path: Path):
    area = an_area(tmp_path)
    complete = found_complete(area, a_drop(area, "sheet-012", "box-1"))
    private = tmp_path / "private"
    (private / "sheet-012").mkdir(parents=True)
    complete.path.parent.rename(tmp_path / "aside")
    complete.path.parent.symlink_to(private)

    found = take(complete, NOON)

    assert isinstance(found, NotTaken)
    assert found.sentence
    assert (private / "sheet-012").is_dir()


def take_as_nobody(complete: CompleteDrop) -> NotTaken | Take:
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    return take(complete, NOON)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_we_may_not_move_is_reported_with_who_may():
    with TemporaryDirectory() as root, multiprocessing.get_context("fork").Pool(1) as pool:
        Path(root).chmod(0o755)
        area = an_area(Path(root))
        drop = a_drop(area)
        for folder in (drop.parent, area.taken):
            folder.chmod(0o777)

        found = pool.apply(take_as_nobody, (found_complete(area, drop),))

        assert isinstance(found, NotTaken)
        assert f"{pwd.getpwuid(_NOBODY).pw_name} may not move it out of the inbox" in found.sentence
        assert "belongs to root" in found.sentence
        assert drop.is_dir()
        assert list(area.taken.iterdir()) == []


def test_an_inbox_on_another_disk_is_reported_before_anything_is_dropped(tmp_path: Path):
    area = an_area(tmp_path)
    with small_disk(area.inbox, "1m"), pytest.raises(StorageError, match=r"\[\[area\]\] of its own"):
        area.make_folders()


def test_an_inbox_of_a_collection_on_another_disk_is_reported(tmp_path: Path):
    area = an_area(tmp_path)
    with small_disk(area.inbox / MAPS, "1m"):
        found = take(found_complete(area, a_drop(area)), NOON)

    assert isinstance(found, NotTaken)
    assert "on another disk" in found.sentence


def test_a_read_only_share_is_reported(tmp_path: Path):
    with small_disk(tmp_path / "share", "2m") as disk:
        area = an_area(disk.point)
        complete = found_complete(area, a_drop(area))
        disk.remount("ro")

        found = take(complete, NOON)

        assert isinstance(found, NotTaken)
        assert "mounted read-only" in found.sentence
        disk.remount("rw")


def test_nothing_is_made_where_a_share_is_not_mounted(tmp_path: Path):
    (tmp_path / "mnt").mkdir()
    for root in (tmp_path / "mnt", tmp_path / "missing"):
        with pytest.raises(UnavailableError, match="mount the share"):
            Area(root).make_folders()
    assert list((tmp_path / "mnt").iterdir()) == []
    assert not (tmp_path / "missing").exists()


def half_made(area: Area) -> Path:
    """A take whose maker is dead, killed before the rename."""
    code = (
        "import os, sys, signal\n"
        "from support.takes import *\n"
        "import flows.inboxes.folder.take as taking\n"
        "taking._rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "area = Area(Path(sys.argv[1]), own=True)\n"
        "take(found_complete(area, a_drop(area)), NOON)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, area.root],
        check=False,
        env=with_tests_on_path(),
    )
    [folder] = area.taken.iterdir()
    return folder


def test_a_take_whose_maker_was_killed_before_the_rename_is_removed(tmp_path: Path):
    area = an_area(tmp_path)
    half_made(area)

    recover(area)

    assert list(area.taken.iterdir()) == []
    assert (area.inbox / MAPS / "sheet-012").is_dir()


def test_a_take_that_another_process_is_just_making_is_left_in_peace(tmp_path: Path):
    area = an_area(tmp_path)
    taken = a_take(area)
    taken.path.rename(area.inbox / MAPS / "sheet-012")

    recover(area)
    assert taken.folder.is_dir()

    day_ago = (taken.folder.stat().st_mtime - timedelta(days=1, seconds=9).total_seconds(),) * 2
    os.utime(taken.folder, day_ago)
    recover(area)
    assert not taken.folder.exists()


def test_a_take_with_its_drop_is_never_removed(tmp_path: Path):
    area = an_area(tmp_path)
    taken = a_take(area)
    os.utime(taken.folder, (0, 0))

    recover(area)

    assert list(takes_in(area)) == [taken]


def take_all(drops: list[CompleteDrop], together: threading.Barrier) -> list[str]:
    """In a process of its own: take every drop there is, as fast as it can."""
    together.wait()
    return [found.name for drop in drops if isinstance(found := take(drop, NOON), Take)]


def test_eight_services_on_one_inbox_never_take_one_drop_twice(tmp_path: Path):
    area = an_area(tmp_path)
    drops = [found_complete(area, a_drop(area, f"drop-{number}")) for number in range(60)]
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager, context.Pool(8) as pool:
        together = manager.Barrier(8)
        running = [pool.apply_async(take_all, (drops, together)) for _ in range(8)]
        took = [name for one in running for name in one.get()]

    names = sorted(drop.name for drop in drops)
    assert sorted(took) == names
    assert sorted(taken.name for taken in takes_in(area)) == names
    assert len(list(area.taken.iterdir())) == len(names)
