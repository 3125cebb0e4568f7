"""What a drop says of itself, made to be slow and to fill the memory: tables, manifests, tag files, archives.

A member of the class is a shape: pieces that are repeated, so that it can be had in any size. What reads it
is held to work that is counted: CPU time in a child that the kernel ends, and the memory that it may take.
"""

from __future__ import annotations

import gzip
import io
import os
import resource
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypothesis import strategies as st
from support.forks import FORK, forked

from preservation.archives.members import ArchiveKind, UnpackLimits
from preservation.bagit.serialized import read_serialized
from preservation.bagit.validation import validate
from preservation.descriptions.reading import read_description
from preservation.model.identifiers import ObjectName
from preservation.model.paths import RelativePath
from preservation.settling.promised import what_is_lacking
from preservation.survey.finding import find_supplied
from preservation.survey.supplied import check_supplied

SMALL: Final = 48 << 10
TIMES: Final = 8
"""The larger of two sizes is so many times the smaller: what is quadratic takes sixty-four times as long."""
_MOST_TIMES: Final = 3 * TIMES
_NOTHING: Final = 0.4
"""CPU seconds below which nothing is said: reading so little takes longer than what is in it."""
_MOST_CPU: Final = 20
_MOST_MEMORY: Final = 256 << 20

_PIECES: Final = (
    *("file,", "filename\t", "title;", "a\n", "\n", "\r", '"', '""', '"\n"', ",", "\t", ";", " ", "\0", "="),
    *("a/", "../", "./", "\\", "C:/", "%0A", "%25", "%", "#", "*", ":", "a: b\n", " more\n", "x" * 50),
    *("0" * 32, "0" * 32 + "  a\n", "0" * 32 + " *", "f" * 64 + "  data/", "(", ") = ", "MD5 ("),
    *("%%%% HASHDEEP-1.0\n", "%%%% size,md5,", "1,", "http://a 1 ", "- "),
    *("e\u0301", "\u0301", "\u0323\u0301", "\U0001f600", "\udcff"),
)  # fmt: skip  # grouped by what reads them


@dataclass(frozen=True)
class Shape:
    """A text: a beginning, and rounds of pieces, each repeated; ``long`` rounds are few, others many."""

    beginning: tuple[str, ...]
    pieces: tuple[str, ...]
    long: bool

    def text(self, size: int) -> bytes:
        """Return it in about so many bytes."""
        pieces = [piece.encode("utf-8", "surrogateescape") for piece in self.pieces]
        beginning = "".join(self.beginning).encode("utf-8", "surrogateescape")
        share = size // len(pieces)
        if self.long:
            return beginning + b"".join(piece * (share // len(piece) + 1) for piece in pieces)
        return beginning + b"".join(pieces) * (size // sum(map(len, pieces)) + 1)


SHAPES: Final = st.builds(
    Shape,
    st.lists(st.sampled_from(_PIECES), max_size=3).map(tuple),
    st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map(tuple),
    st.booleans(),
)

KNOWN: Final = (
    Shape((), ("file,", "a\n"), long=True),
    Shape((), ("0" * 32 + "  ", "a/"), long=True),
    Shape((), ("0" * 32, "  ", "a/" * 15_000, "b\n"), long=False),
    Shape(("0" * 32, "  "), ("\u0323\u0301",), long=True),
    Shape(("a: b\n",), (" more\n",), long=False),
    Shape((), ("0" * 32 + ",", "x,", "\n"), long=True),
)
"""Those that were seen to take for ever, or could."""

_BAG: Final = {"bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "data/a": b""}


def _placed(root: Path, name: str, content: bytes, others: dict[str, bytes]) -> None:
    for place, bytes_there in {**others, name: content}.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(bytes_there)


def _reads_description(root: Path, content: bytes) -> None:
    _placed(root, "metadata.csv", content, {})
    path, name = RelativePath("metadata.csv"), ObjectName("object")
    read_description(root, path, name)


def _reads_manifest(name: str) -> Callable[[Path, bytes], None]:
    def reads(root: Path, content: bytes) -> None:
        _placed(root, name, content, {"a": b""})
        list(check_supplied(find_supplied(root), root, ()))
        what_is_lacking(root)

    return reads


def _reads_tag_file(name: str) -> Callable[[Path, bytes], None]:
    def reads(root: Path, content: bytes) -> None:
        _placed(root, name, content, _BAG)
        validate(root)

    return reads


READERS: Final = {
    "metadata.csv": _reads_description,
    "checksums.md5": _reads_manifest("checksums.md5"),
    "checksums.csv": _reads_manifest("checksums.csv"),
    "manifest-md5.txt": _reads_tag_file("manifest-md5.txt"),
    "bag-info.txt": _reads_tag_file("bag-info.txt"),
    "fetch.txt": _reads_tag_file("fetch.txt"),
    "bagit.txt": _reads_tag_file("bagit.txt"),
}
"""What reads the text of strangers in Muniment's own process, by the file that it reads."""


def require_linear(
    reader: Callable[[Path, bytes], None], shape: Shape, folder: Path, small: int = SMALL
) -> None:
    """Have ``shape`` read in two sizes, each in a child; require that the larger one takes its share."""
    least = measured(lambda: reader(folder / "small", shape.text(small)))
    most = measured(lambda: reader(folder / "large", shape.text(small * TIMES)))
    assert most < max(_NOTHING, _MOST_TIMES * least), f"{least:.3f} s, then {most:.3f} s: {shape}"


def measured(work: Callable[[], object]) -> float:
    """Do ``work`` in a child that may take little memory and CPU time; return its CPU seconds."""
    receiving, sending = FORK.Pipe(duplex=False)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + _MOST_MEMORY, resource.RLIM_INFINITY))
        before = _cpu()
        resource.setrlimit(resource.RLIMIT_CPU, (int(before) + _MOST_CPU, resource.RLIM_INFINITY))
        work()
        sending.send(_cpu() - before)

    child = forked(limited)
    child.start()
    sending.close()
    child.join()
    assert child.exitcode == 0, f"it ended with {child.exitcode}: out of memory, out of time, or an error"
    return float(receiving.recv())


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Names:
    """An archive of names: how many, how long each is, of what they are made, and how they are written."""

    count: int
    length: int
    piece: str
    kind: ArchiveKind
    form: int

    def write(self, path: Path) -> None:
        """Write the archive."""
        with io.BytesIO() as sink:
            if self.kind is ArchiveKind.ZIP:
                with zipfile.ZipFile(sink, "w") as archive:
                    for number in range(self.count):
                        archive.writestr(self._name(number, 60_000), b"")
            else:
                with tarfile.open(fileobj=sink, mode="w", format=self.form) as packed:
                    for number in range(self.count):
                        packed.addfile(tarfile.TarInfo(self._name(number, self.length)))
            content = sink.getvalue()
        path.write_bytes(gzip.compress(content, 1) if self.kind is ArchiveKind.TAR_GZ else content)

    def _name(self, number: int, most: int) -> str:
        long = min(self.length, most) // len(self.piece.encode()) * self.piece
        return f"{number:06}\U0001f600{long}"


NAMES: Final = st.builds(
    Names,
    count=st.integers(1, 400),
    length=st.integers(1, 1 << 16),
    piece=st.sampled_from(["a", "a/", "\U0001f600", "e\u0301", "x" * 200 + "/"]),
    kind=st.sampled_from([ArchiveKind.ZIP, ArchiveKind.TAR, ArchiveKind.TAR_GZ]),
    form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)

_FEW_NAMES: Final = UnpackLimits(names=1 << 20)


def require_flat(names: Names, folder: Path) -> None:
    """Have such an archive listed where little memory can be had: it is listed, or refused for its names."""
    path = folder / f"{os.getpid()}.archive"
    names.write(path)
    measured(lambda: read_serialized(path, names.kind, _FEW_NAMES))
