"""Folders that were made to do harm: names, links, things that are no files, depth and numbers."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

NAMES = {
    "newline": b"page\n001.txt",
    "carriage return": b"page\r001.txt",
    "right to left": "invoice\u202etxt.exe".encode(),
    "zero width": "a\u200b\ufeffb.txt".encode(),
    "line separator": "a\u2028b.txt".encode(),
    "four bytes": "\U0001f9fe\U000200d0.txt".encode(),
    "255 bytes": b"n" * 251 + b".txt",
    "255 bytes of accents": "é".encode() * 125 + b".txt",
    "composed": "Caf\u00e9.txt".encode(),
    "decomposed": "Cafe\u0301.txt".encode(),
    "capitals": b"README.TXT",
    "no capitals": b"readme.txt",
    "script": b"<script>alert(1)<&script>.txt",
    "attribute": b'"><img src=x onerror=alert(1)>.txt',
    "terminal": b"\x1b]0;owned\x07\x1b[31mred.txt",
    "c1 terminal": "\u009b31mred.txt".encode(),
    "formula": b"=cmd|' C'!A0.txt",
    "option": b"-rf",
    "home": b"~root",
    "percent": b"100%25%0A%0D.txt",
    "drive": b"C:\\Windows\\win.ini",
    "share": b"\\\\server\\share.txt",
    "climbing for windows": b"..\\..\\evil.txt",
    "dots": b"...",
    "trailing space": b"trailing space ",
    "leading space": b" leading space",
    "trailing dot": b"trailing dot.",
    "reserved": b"con.txt",
    "wildcards": b"*?[a-z]{b}|$(id)`id`;&'.txt",
    "tab": b"a\tb.txt",
    "delete": b"a\x7fb.txt",
    "noncharacter": "a\uffffb.txt".encode(),
    "template": b"{{ 7*7 }}{% raw %}.txt",
    "markdown": b"[x](javascript:alert(1)) | `x` **b**.txt",
}
"""Names that a file may have on Linux, each UTF-8; somebody, somewhere, takes each for something else."""


def named_files(root: Path) -> None:
    """One file under each of ``NAMES``, its content telling which."""
    root.mkdir()
    for what, name in NAMES.items():
        (root / os.fsdecode(name)).write_text(f"{what}\n")
    for alike in (b"manifest-sha256.txt.d", b"data", b"\xe2\x80\xae\n"):
        folder = root / os.fsdecode(alike)
        folder.mkdir()
        (folder / "bagit.txt.txt").write_text(f"below {alike!r}\n")


def links(root: Path) -> None:
    """Links to a secret, to a folder, to nothing, and to themselves, beside a file."""
    root.mkdir()
    (root / "letter.txt").write_text("Dear brother\n")
    for name, target in {
        "absolute": "/etc/passwd", "climbing": "../../../../etc/shadow", "folder": "/etc", "nowhere": "gone",
        "itself": "itself", "parent": "..",
    }.items():  # fmt: skip  # a table
        (root / name).symlink_to(target)


def special(root: Path) -> None:
    """A pipe that nobody writes to, a socket and, as root, a device that never ends."""
    root.mkdir()
    (root / "letter.txt").write_text("Dear brother\n")
    os.mkfifo(root / "pipe.tif")
    with socket.socket(socket.AF_UNIX) as bound:
        # The path of a socket is short: it is reached by the folder's descriptor.
        folder = os.open(root, os.O_RDONLY)
        bound.bind(f"/proc/self/fd/{folder}/socket.tif")
        os.close(folder)
    if os.geteuid() == 0:
        os.mknod(root / "zero.tif", stat.S_IFCHR | 0o666, os.makedev(1, 5))


def not_utf8(root: Path) -> None:
    """Names in Latin-1, and cut in the midst of a character."""
    root.mkdir()
    for name in (
        b"M\xfcller.txt",
        b"half a kanji \xe5\x90.txt",
        b"surrogate \xed\xa0\x80.txt",
        b"letter.txt",
    ):
        (root / os.fsdecode(name)).write_text("Dear brother\n")


def many(root: Path, files: int) -> None:
    """One folder of so many files: hard links, so that making them costs little."""
    root.mkdir()
    first = root / "000000.txt"
    first.write_text("Dear brother\n")
    for number in range(1, files):
        os.link(first, root / f"{number:06}.txt")


Deep: TypeAlias = Callable[[Path, int], None]
"""The fixture that makes deep folders, and removes them after the test: pytest itself could not."""


def deep(root: Path, levels: int, name: str = "d") -> None:
    """A file at the bottom of so many folders, however long its path becomes."""
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with open(os.open("letter.txt", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here), "w") as letter:  # noqa: PTH123  a descriptor
        letter.write("Dear brother\n")
    os.close(here)


def sparse(root: Path, size: int) -> None:
    """A file that is nothing but a hole, and reads as zeros."""
    root.mkdir()
    with (root / "hole.bin").open("wb") as hole:
        hole.truncate(size)
