"""The hostile drops that go the whole way, and how each of them must end."""

from __future__ import annotations

import gzip
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support import hostile_archives as hostile
from support import hostile_files, hostile_trees
from support.hostile_archives import (
    MIB,
    bag_with,
    tar_member,
    tar_special,
    tarred,
    zip_entry,
    zip_link,
    zip_named,
    zipped,
)

DIGEST = "b28d2f81d5d869083395209a93d1851fae37d55047c5363cc304dce36ad49e7e"
"""SHA-256 of the letter."""

STORED, REJECTED = "stored", "rejected"

Made = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """One hostile drop: its name, how it is made, how it ends, who is named for it."""

    name: str
    make: Made
    verdict: str
    culprit: str = ""
    code: str = ""
    collection: str = "files"


def file(content: Callable[[], bytes]) -> Made:
    """A file of that content, which is made once, however often the file is."""
    once = cache(content)
    return lambda path: path.write_bytes(once())


def folder(**contents: Callable[[], bytes]) -> Made:
    """A folder of files; the first ``_`` of a name stands for its dot."""

    def make(path: Path) -> None:
        path.mkdir()
        for name, content in contents.items():
            (path / name.replace("_", ".", 1)).write_bytes(content())

    return make


def archives_in_a_folder(path: Path) -> None:
    path.mkdir()
    for case in ARCHIVES:
        case.make(path / case.name)


def manifests(path: Path) -> None:
    path.mkdir()
    (path / "letter.txt").write_bytes(b"Dear brother\n")
    (path / "manifest-sha256.txt").write_bytes(b"\xef\xbb\xbf" + f"{DIGEST}  letter.txt\r\n".encode())
    (path / "checksums.sha256").write_bytes(f"{DIGEST}  {'x' * (8 * MIB)}\n".encode())
    lines = ("../../etc/passwd", "/etc/passwd", "\x1b]0;owned\x07", "=cmd|' /C calc'!A0")
    (path / "checksum.md5").write_text("".join(f"{'0' * 32}  {line}\n" for line in lines))


def bag_that_fetches(path: Path) -> None:
    for name, content in hostile.BAG.items():
        place = path / name.removeprefix("bag/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (path / "fetch.txt").write_text("file:///etc/passwd 10 data/passwd\nhttp://127.0.0.1:9/ 10 ../evil\n")
    (path / "bag-info.txt").write_text(f"Contact-Name: \x1b[31m{'x' * MIB}\n<script>: alert(1)\n")


ARCHIVES = [
    Case("ratio.zip", file(lambda: zipped(("zeros.bin", bytes(80 * MIB)))), REJECTED, "zeros.bin", "ARC-003"),
    Case("count.zip", file(lambda: zipped(*((f"{n}", b"") for n in range(2001)))), REJECTED, "", "ARC-003"),
    Case(
        "long-names.tar.gz",
        file(lambda: gzip.compress(tarred(*(tar_member(f"{n}\U0001f600{'a' * 70_000}") for n in range(30))))),
        REJECTED,
        "",
        "ARC-003",
    ),
    Case("overlap.zip", file(lambda: hostile.overlapping_zip(1000, MIB)), REJECTED, "0001", "ARC-003"),
    Case("nested.zip", file(lambda: hostile.nested_zip(12)), STORED),
    Case("climbs.zip", file(lambda: zipped(("../evil", b"x"))), REJECTED, "../evil", "ARC-002"),
    Case("absolute.zip", file(lambda: zipped(("/etc/evil", b"x"))), REJECTED, "/etc/evil", "ARC-002"),
    Case("drive.zip", file(lambda: zip_named(b"C:\\evil")), REJECTED, "C:\\evil", "ARC-002"),
    Case("share.zip", file(lambda: zip_named(b"\\\\nas\\evil")), REJECTED, "\\\\nas\\evil", "ARC-002"),
    Case(
        "backslash.zip", file(lambda: zip_named(b"a\\..\\..\\evil")), REJECTED, "a\\..\\..\\evil", "ARC-002"
    ),
    Case("nul.zip", file(lambda: zip_named(b"scan\0.tif")), REJECTED, "scan\0.tif", "ARC-002"),
    Case("newline.zip", file(lambda: zip_named(b"scan\n.tif")), STORED),
    Case("latin-1.zip", file(lambda: zip_named(b"M\xfcller.tif")), STORED),
    Case(
        "link.zip",
        file(lambda: zipped(zip_link("etc", "/etc"), ("etc/evil", b"x"))),
        REJECTED,
        "etc",
        "ARC-002",
    ),
    Case("device.zip", file(lambda: zipped((zip_entry("zero", stat.S_IFCHR), b""))), STORED),
    Case(
        "bag-twice.zip",
        file(lambda: bag_with(zipped, ("bag/data/letter.txt", b"x"))),
        REJECTED,
        "bag/data/letter.txt",
        "ARC-004",
    ),
    Case(
        "bag-below-a-file.zip",
        file(lambda: bag_with(zipped, ("bag/data/letter.txt/evil", b"x"))),
        REJECTED,
        "bag/data/letter.txt/evil",
        "ARC-006",
    ),
    Case(
        "bag-link.zip",
        file(lambda: bag_with(zipped, zip_link("bag/data/up", "../../.."))),
        REJECTED,
        "bag/data/up",
        "ARC-002",
    ),
    Case(
        "bag-device.tar",
        file(lambda: bag_with(tarred, tar_special("bag/data/zero", tarfile.CHRTYPE))),
        REJECTED,
        "bag/data/zero",
        "BAG-039",
    ),
    Case(
        "bag-pipe.tar",
        file(lambda: bag_with(tarred, tar_special("bag/data/pipe", tarfile.FIFOTYPE))),
        REJECTED,
        "bag/data/pipe",
        "BAG-039",
    ),
    Case(
        "bag-hard-link.tar",
        file(lambda: bag_with(tarred, tar_special("bag/data/out", tarfile.LNKTYPE, "../../etc/passwd"))),
        REJECTED,
        "bag/data/out",
        "ARC-002",
    ),
    Case(
        "bag-through-link.tar",
        file(
            lambda: bag_with(
                tarred, tar_special("bag/data/out", tarfile.SYMTYPE, "/var"), tar_member("bag/data/out/evil")
            )
        ),
        REJECTED,
        "bag/data/out",
        "ARC-002",
    ),
    Case(
        "bag-terminal.tar",
        file(lambda: bag_with(tarred, tar_member("bag/data/\x1b[31mred"))),
        REJECTED,
        "\x1b[31mred",
    ),
    Case(
        "bag-long-name.tar",
        file(lambda: bag_with(tarred, tar_member("bag/data/" + "n" * 256))),
        REJECTED,
        "bag/data/" + "n" * 256,
        "ARC-006",
    ),
    Case("sparse.tar", file(lambda: hostile.sparse_tar(1 << 50)), REJECTED, "hole.bin", "ARC-003"),
    Case(
        "size-huge.tar",
        file(lambda: hostile.pax_tar({"size": str(1 << 60)})),
        REJECTED,
        "scan.tif",
        "ARC-003",
    ),
    Case(
        "size-negative.tar", file(lambda: hostile.pax_tar({"size": "-1536"})), REJECTED, "scan.tif", "ARC-003"
    ),
    Case(
        "path.tar", file(lambda: hostile.pax_tar({"path": "../../evil"})), REJECTED, "../../evil", "ARC-002"
    ),
    Case("header.tar", file(lambda: hostile.pax_tar({"comment": "x" * 2 * MIB})), REJECTED, "", "ARC-003"),
    Case(
        "ratio.tar.gz",
        file(lambda: gzip.compress(tarred(tar_member("zeros", bytes(80 * MIB))))),
        REJECTED,
        "zeros",
        "ARC-003",
    ),
    Case("chain.tar.gz", file(lambda: hostile.gzip_chain(2000, tarred(tar_member("a.txt")))), STORED),
]

FOLDERS = [
    Case("archives", archives_in_a_folder, REJECTED, "climbs.zip", "SCR-060", "images"),
    Case("links", hostile_trees.links, REJECTED, "absolute", "SCR-001"),
    Case("special", hostile_trees.special, REJECTED, "pipe.tif", "SCR-001"),
    Case("not-utf-8", hostile_trees.not_utf8, REJECTED, "M\\xfcller.txt", "SCR-003"),
    Case("names", hostile_trees.named_files, STORED),
    Case("deep", lambda path: hostile_trees.deep(path, 200), STORED),
    Case("long-in-the-store", lambda path: hostile_trees.deep(path, 19, "d" * 200), STORED),
    Case(
        "longer-than-any-path", lambda path: hostile_trees.deep(path, 24, "d" * 200), REJECTED, "", "SCR-006"
    ),
    Case("hole", lambda path: hostile_trees.sparse(path, 64 * MIB), STORED),
    Case("manifests", manifests, REJECTED, "checksum.md5", "FIX-005"),
    Case("fetching", bag_that_fetches, REJECTED, "fetch.txt"),
    Case("png", folder(bomb_png=hostile_files.png_bomb), REJECTED, "bomb.png", "SCR-070", "images"),
    Case("tiff", folder(bomb_tif=hostile_files.tiff_bomb), REJECTED, "bomb.tif", "SCR-070", "images"),
    Case("circle", folder(bomb_tif=hostile_files.circular_tiff), REJECTED, "bomb.tif", "SCR-020", "images"),
    Case("jp2", folder(bomb_jp2=hostile_files.jp2_bomb), REJECTED, "bomb.jp2", "SCR-070", "images"),
    Case("webp", folder(bomb_webp=hostile_files.webp_bomb), REJECTED, "bomb.webp", "", "images"),
    Case("gif", folder(bomb_gif=hostile_files.gif_bomb), REJECTED, "bomb.gif", "SCR-070", "images"),
    Case(
        "pages",
        folder(bomb_pdf=hostile_files.pdf_of_a_million_pages),
        REJECTED,
        "bomb.pdf",
        "SCR-030",
        "images",
    ),
    Case(
        "encrypt", folder(bomb_pdf=hostile_files.pdf_encrypt_loop), REJECTED, "bomb.pdf", "SCR-030", "images"
    ),
    Case(
        "loop", folder(bomb_pdf=hostile_files.pdf_reference_loop), REJECTED, "bomb.pdf", "SCR-030", "images"
    ),
    Case(
        "filters", folder(bomb_pdf=hostile_files.pdf_filter_bomb), REJECTED, "bomb.pdf", "SCR-070", "images"
    ),
]

CASES = [*ARCHIVES, *FOLDERS]
