"""A stream of drops as staff make them: slowly, by renaming, by rsync, single files, the same again."""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from ordeals.crash_drops import Content, content_of
from support.archives import Archive

from demonstration.drawing import photograph, save_scan

_CHUNKS = 4
_POLL_SECONDS = 0.05
_LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Sent:
    """A drop that was made: of which object, what is in it, and whether it is fit to be kept."""

    collection: str
    name: str
    content: tuple[tuple[str, str], ...]
    fit: bool

    @property
    def object(self) -> str:
        return f"{self.collection}/{self.name}"

    @property
    def digests(self) -> Content:
        return dict(self.content)


def that_settles_soon(archive: Archive, seconds: float) -> Archive:
    """Let drops of the installation be complete after so many seconds of quiet, and none of them be held.

    A stream has broken drops, sooner or later several in a row.
    """
    settings = archive.directory / "muniment.toml"
    settings.write_text(settings.read_text().replace("hold_after = 5", "hold_after = 0"))
    for policy in (archive.directory / "policies").glob("*.toml"):
        text = policy.read_text().replace("[intake]\n", f"[intake]\nsettle = {seconds}\n")
        # Two single files of the stream differ in their number, and each is a drop.
        policy.write_text(re.sub(r'loose_pages( *)= "hold"', r'loose_pages\1= "take"', text))
    return archive


@dataclass
class Stream:
    """Makes drops in the inboxes of ``archive``, two collections in turn; ``sent`` are those that are whole.

    ``longest_pause`` is how long, in seconds, a writer may rest within a drop: less than it takes to settle.
    """

    archive: Archive
    source: random.Random
    longest_pause: float = 0.8
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._desk = self.archive.directory / "desk"
        self._desk.mkdir(exist_ok=True)
        self._ways: Iterator[Callable[[str], Sent]] = cycle(
            (
                self._written_slowly,
                self._renamed_into,
                self._single_file,
                self._broken,
                self._sent_by_rsync,
                self._dropped_again,
                self._changed,
                self._broken_bag,
            )
        )

    def make(self, number: int) -> None:
        """Make the next drop, called after ``number``."""
        self.sent.append(next(self._ways)(f"sheet-{number:03d}"))

    def _written_slowly(self, name: str) -> Sent:
        """A scanner that writes one page after the other, and each in pieces."""
        made = self._pages("images", name)
        drop = self._inbox("images") / name
        drop.mkdir()
        for page in sorted(made.iterdir()):
            content = page.read_bytes()
            step = len(content) // _CHUNKS + 1
            with (drop / page.name).open("wb") as file:
                for start in range(0, len(content), step):
                    file.write(content[start : start + step])
                    file.flush()
                    self._rest()
        return _sent("images", name, made)

    def _renamed_into(self, name: str) -> Sent:
        made = self._letters("files", name)
        sent = _sent("files", name, made)
        made.rename(self._inbox("files") / name)
        return sent

    def _single_file(self, name: str) -> Sent:
        made = self._new_folder("files", name)
        letter = made / f"{name}.txt"
        letter.write_text(f"Dear all,\nthis is {name}.\n")
        sent = _sent("files", letter.name, made)
        letter.rename(self._inbox("files") / letter.name)
        return sent

    def _broken(self, name: str) -> Sent:
        """A scan that was cut off, between whole ones."""
        made = self._pages("images", name)
        cut = made / "page 1.tif"
        os.truncate(cut, cut.stat().st_size // 2)
        sent = _sent("images", name, made, fit=False)
        made.rename(self._inbox("images") / name)
        return sent

    def _broken_bag(self, name: str) -> Sent:
        """A bag whose manifest tells of other content."""
        made = self._letters("files", name)
        (made / "data").mkdir()
        (made / "letter 0.txt").rename(made / "data" / "letter 0.txt")
        (made / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        (made / "manifest-sha256.txt").write_text(f"{'0' * 64}  data/letter 0.txt\n")
        sent = _sent("files", name, made, fit=False)
        made.rename(self._inbox("files") / name)
        return sent

    def _sent_by_rsync(self, name: str) -> Sent:
        """Each file under a hidden name until it is whole."""
        made = self._letters("files", name)
        drop = self._inbox("files") / name
        drop.mkdir()
        for file in sorted(made.iterdir()):
            beginning = drop / f".{file.name}.{self.source.randbytes(3).hex()}"
            shutil.copy(file, beginning)
            self._rest()
            beginning.rename(drop / file.name)
        return _sent("files", name, made)

    def _dropped_again(self, _: str) -> Sent:
        """The same object with the same content, by somebody who did not see that it was taken."""
        before = self._earlier("images")
        made = self._pages("images", before.name)
        self._wait_until_taken(before)
        made.rename(self._inbox("images") / before.name)
        return before

    def _changed(self, _: str) -> Sent:
        """The same object once more, and a letter more in it."""
        before = self._earlier("files")
        made = self._letters("files", before.name)
        (made / f"letter {len(self.sent)}.txt").write_text(f"A letter more, after {len(self.sent)} drops.\n")
        sent = _sent("files", before.name, made)
        self._wait_until_taken(before)
        made.rename(self._inbox("files") / before.name)
        return sent

    def _earlier(self, collection: str) -> Sent:
        """The last drop of the collection that was a folder, and fit."""
        return next(
            one
            for one in reversed(self.sent)
            if one.fit and one.collection == collection and not one.name.endswith(".txt")
        )

    def _wait_until_taken(self, sent: Sent) -> None:
        deadline = time.monotonic() + _LONGEST_SECONDS
        while os.path.lexists(self._inbox(sent.collection) / sent.name):
            assert time.monotonic() < deadline, f"{sent.object} is not taken"
            time.sleep(_POLL_SECONDS)

    def _pages(self, collection: str, name: str) -> Path:
        folder = self._new_folder(collection, name)
        for page in range(2):
            save_scan(
                photograph((120, 80), (int(name[-3:]) % 50 + page) / 60), folder / f"page {page}.tif", 300
            )
        return folder

    def _letters(self, collection: str, name: str) -> Path:
        folder = self._new_folder(collection, name)
        for page in range(3):
            (folder / f"letter {page}.txt").write_text(f"{name}, page {page}\n" * 50)
        return folder

    def _new_folder(self, collection: str, name: str) -> Path:
        folder = self._desk / f"{collection}-{len(self.sent)}" / name
        folder.mkdir(parents=True)
        return folder

    def _inbox(self, collection: str) -> Path:
        return self.archive.directory / "inbox" / collection

    def _rest(self) -> None:
        time.sleep(self.source.uniform(0, self.longest_pause))


def _sent(collection: str, name: str, made: Path, *, fit: bool = True) -> Sent:
    return Sent(collection, name, tuple(sorted(content_of(made).items())), fit)
