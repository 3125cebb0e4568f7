"""Opening through no link, by the one call for it and, where there is none, segment by segment."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from preservation.files import beneath

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@pytest.fixture(params=[None, errno.ENOSYS, errno.EPERM], ids=["openat2", "ENOSYS", "EPERM"], autouse=True)
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system with the call, an older one without it, and a container that forbids it."""
    refusal = request.param
    if refusal is None:
        return

    def refusing(*_: object) -> int:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(beneath, "openat2", refusing)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """A file ``one/two/three/letter``, and its like outside of the drop."""
    for top, content in (("drop", b"own"), ("outside", b"theirs")):
        (tmp_path / top / "one/two/three").mkdir(parents=True)
        (tmp_path / top / "one/two/three/letter").write_bytes(content)
    return tmp_path / "drop"


LETTER = "one/two/three/letter"


def test_a_file_is_read_below_folders_that_are_folders(drop: Path):
    with beneath.read_plain_file(drop / LETTER) as stream:
        assert stream.read() == b"own"
    with beneath.opened(str(drop), FOLDER) as folder:
        descriptor = beneath.open_beneath(folder, LETTER, beneath.READ_FILE)
    with os.fdopen(descriptor, "rb") as stream:
        assert stream.read() == b"own"


@pytest.mark.parametrize("part", ["", "one", "one/two", "one/two/three", LETTER])
def test_a_link_at_any_segment_is_refused(drop: Path, part: str):
    place = drop / part
    place.rename(drop.with_name("aside"))
    place.symlink_to(drop.with_name("outside") / part)
    assert (drop / LETTER).read_bytes() == b"theirs"

    for opening in (beneath.open_plain_file, lambda path: beneath.open_path(str(path), beneath.READ_FILE)):
        with pytest.raises(OSError) as refused:  # noqa: PT011  its number is looked at
            opening(drop / LETTER)
        assert refused.value.errno in beneath.A_LINK_NOW
    if part:
        with beneath.opened(str(drop), FOLDER) as folder, pytest.raises(OSError) as refused:  # noqa: PT011
            beneath.open_beneath(folder, LETTER, beneath.READ_FILE)
        assert refused.value.errno in beneath.A_LINK_NOW
    if part != LETTER:
        with pytest.raises(OSError), beneath.folder_of(drop, LETTER):  # noqa: PT011
            pass


@pytest.mark.parametrize("path", ["../outside/" + LETTER, "one/../../outside/" + LETTER, "/etc/passwd"])
def test_a_path_that_leads_out_is_refused(drop: Path, path: str):
    with beneath.opened(str(drop), FOLDER) as folder, pytest.raises(OSError) as refused:  # noqa: PT011
        beneath.open_beneath(folder, path, beneath.READ_FILE)
    assert refused.value.errno == errno.EXDEV


def test_a_pipe_in_a_files_place_is_refused_without_waiting(drop: Path):
    (drop / LETTER).unlink()
    os.mkfifo(drop / LETTER)
    with pytest.raises(OSError, match="no plain file"):
        beneath.open_plain_file(drop / LETTER)


def test_paths_may_be_longer_than_the_system_takes_and_are_still_held_to_it(tmp_path: Path):
    names = ["n" * 200] * 30
    folder = os.open(tmp_path, FOLDER)
    for name in names:
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, FOLDER, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open("letter", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=folder))
    os.symlink("/etc", "link", dir_fd=folder)
    os.close(folder)

    deep = f"{tmp_path}/{'/'.join(names)}"
    os.close(beneath.open_plain_file(f"{deep}/letter"))
    with pytest.raises(OSError) as refused:  # noqa: PT011
        beneath.open_plain_file(f"{deep}/link/passwd")
    assert refused.value.errno in beneath.A_LINK_NOW


def test_links_above_what_the_operator_named_are_followed_once(tmp_path: Path, drop: Path):
    (tmp_path / "mounted").symlink_to(tmp_path)
    assert beneath.without_links_above(tmp_path / "mounted" / "drop") == drop
    (tmp_path / "dropped").symlink_to("drop")
    assert beneath.without_links_above(tmp_path / "mounted" / "dropped") == tmp_path / "dropped"
