"""How siegfried is shown an open file under its name: it opens paths itself, and follows links.

The path of a dropped file may lead elsewhere by the time that siegfried opens it. So the file is opened
first, through no link, and takes a number among the open files that is always the same, the slot. Siegfried
is given a link of ours, named like the file, that leads to whatever the process has open as the slot.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from preservation.files.beneath import open_plain_file
from preservation.model.paths import is_utf8

SLOT: Final = 12
"""The number that a caged worker keeps free for the file; every limit on open files leaves room for it."""

WITHOUT_NAME: Final = "unnamed"

# Siegfried answers in JSON, and does not escape these of the control characters that a name may have.
_UNSAYABLE = re.compile("[\x1a-\x1f]")
_ORDINARY = re.compile(r"[A-Za-z0-9 _.-]*?(?P<ending>(\.[A-Za-z0-9 _-]+){0,2})")
"""A name of which only the ending tells siegfried anything: thousands of files then share one link."""
_MOST_LINKS = 1000


def is_sayable(name: str) -> bool:
    """Say whether siegfried can be given the name, and can answer with it."""
    return is_utf8(name) and not _UNSAYABLE.search(name)


class NamedLinks:
    """Links in ``folder`` to whatever a process has open as ``slot``, each with the name of a file."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder = folder
        self._slot = slot
        self._number = 0
        self._links: dict[str, str] = {}

    def to(self, path: str) -> str:
        """Return the link under which siegfried is shown the file at ``path``. Raises ``OSError``."""
        name = path.rpartition("/")[2]
        if not is_sayable(name):
            name = WITHOUT_NAME
        elif ordinary := _ORDINARY.fullmatch(name):
            name = f"x{ordinary['ending']}" if ordinary["ending"] else WITHOUT_NAME
        if name not in self._links:
            self._links[name] = self._made(name)
        return self._links[name]

    def _made(self, name: str) -> str:
        if len(self._links) % _MOST_LINKS == 0:
            self._number += 1
            (self._folder / str(self._number)).mkdir()
        link = self._folder / str(self._number) / name
        link.symlink_to(f"/proc/self/fd/{self._slot}")
        return str(link)


@contextmanager
def named_links(slot: int) -> Iterator[NamedLinks]:
    """Make a folder of such links, and remove it afterwards. Raises ``OSError``."""
    with tempfile.TemporaryDirectory(prefix="muniment-names-") as folder:
        yield NamedLinks(Path(folder).resolve(), slot)


def reserve_slot(slot: int) -> None:
    """Take the number ``slot`` among the open files of this process, which has no other use for it yet."""
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.dup2(nothing, slot, inheritable=False)
    finally:
        os.close(nothing)


@contextmanager
def shown(path: str, slot: int) -> Iterator[None]:
    """Have the plain file at ``path`` open as ``slot``, which is reserved, while the context lasts.

    Raises ``OSError`` where it cannot be opened, is no plain file, or a segment of its path is a link.
    """
    descriptor = open_plain_file(path)
    try:
        os.dup2(descriptor, slot, inheritable=False)
    finally:
        os.close(descriptor)
    try:
        yield
    finally:
        reserve_slot(slot)
