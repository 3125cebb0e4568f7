"""Any tree at all, from the drop to the stores and back: what must be true of it, however it ends."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hypothesis import strategies as st
from support import hostile_archives, hostile_files

from flows.archive.restore import RestoreRequest, restore_object
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, open_installation
from flows.submission.answer import SubmissionResult, answer
from flows.submission.claim import claim
from flows.submission.drop import DropRequest
from flows.submission.stages.order import STAGES
from preservation.bagit.validation import validate
from preservation.model.identifiers import CollectionName, ObjectId, object_name
from preservation.model.paths import is_utf8, printable
from preservation.model.verdicts import Verdict

FILE, HOLE, LINK, PIPE, FOLDER = "file", "hole", "link", "pipe", "folder"

_PIECES = (
    *(bytes([byte]) for byte in range(1, 48)),
    *(b":", b"?", b"\\", b"..", b"%0A", b"%25", b"\x7f", b"A", b"a", b"data", b"~", b"<b>"),
    *(b"bagit.txt", b"manifest-md5.txt", b"\xff", b"\xc3", b"\xed\xa0\x80"),
    *(text.encode() for text in ("é", "e\u0301", "\u202e", "\u2028", "\ufeff", "\U0001f9fe", "\u009b")),
    *(b".zip", b".tif", b".pdf", b".xml", b".tar"),
    b"n" * 120,
)  # fmt: skip  # grouped by what they are

_NAMES = (
    st.lists(st.sampled_from(_PIECES), min_size=1, max_size=5)
    .map(lambda pieces: b"".join(pieces).replace(b"/", b"")[:255])
    .filter(lambda name: name not in {b"", b".", b".."})
)
_MEMBERS = st.sampled_from(
    [
        "a.txt",
        "../up",
        "/abs",
        "a\\..\\..\\b",
        "C:\\x",
        "a\nb",
        "\x1b[31m",
        "a/" * 60 + "b",
        "bag/bagit.txt",
        "é",
    ]
)


def _packed(names: list[str], *, as_tar: bool, link: str) -> bytes:
    if as_tar:
        links = [hostile_archives.tar_special("link", b"2", link)] if link else []
        return hostile_archives.tarred(*links, *(hostile_archives.tar_member(name) for name in names))
    return hostile_archives.zipped(
        *([hostile_archives.zip_link("link", link)] if link else []), *((name, b"x") for name in names)
    )


_ARCHIVES = st.builds(
    _packed,
    st.lists(_MEMBERS, max_size=4),
    as_tar=st.booleans(),
    link=st.sampled_from(["", "", "a.txt", "/etc/passwd", "../../up"]),
)
_CONTENTS = st.one_of(
    st.binary(max_size=40),
    _ARCHIVES,
    st.sampled_from(
        [
            b"%PDF-1.7\n%%EOF",
            b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
            hostile_files.xxe("http://127.0.0.1:9"),
            b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            b"0" * 32 + b"  ../../etc/passwd\n",
            hostile_archives.pax_tar({"size": "-512"}),
            hostile_archives.overlapping_zip(20, 1 << 12),
            hostile_archives.sparse_tar(1 << 40),
        ]
    ),
)


@dataclass(frozen=True)
class Entry:
    """One thing in a tree, by its names on the way down."""

    names: tuple[bytes, ...]
    kind: str
    content: bytes


ENTRIES = st.builds(
    Entry,
    st.lists(_NAMES, min_size=1, max_size=3).map(tuple),
    # Mostly files: a tree with anything else in it is sent back, and is no trial of what is kept.
    st.sampled_from([FILE] * 12 + [HOLE, LINK, PIPE, FOLDER]),
    _CONTENTS,
)
TREES = st.lists(ENTRIES, min_size=1, max_size=5)


def plant(tree: list[Entry], root: Path) -> None:
    """Make the tree, as far as the file system has it: what clashes with an earlier entry is left out."""
    root.mkdir()
    for entry in tree:
        place = os.path.join(os.fsencode(root), *entry.names)  # noqa: PTH118  names that are not UTF-8
        if os.path.lexists(place):
            continue
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120  likewise
        except (FileExistsError, NotADirectoryError):
            continue
        match entry.kind:
            case "link":
                os.symlink(b"/etc/passwd", place)  # noqa: PTH211  likewise
            case "pipe":
                os.mkfifo(place)
            case "folder":
                os.mkdir(place)  # noqa: PTH102  likewise
            case kind:
                with open(place, "xb") as file:  # noqa: PTH123  likewise
                    file.write(entry.content)
                    if kind == HOLE:
                        file.truncate(1 << 20)


def outline(root: Path) -> dict[bytes, tuple[int, bytes]]:
    """Everything below ``root``: what kind of thing it is and, of files, the bytes; links not followed."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for name in (*folders, *files):
            place = os.path.join(folder, name)  # noqa: PTH118  names that are not UTF-8
            kind = stat.S_IFMT(os.lstat(place).st_mode)
            found[os.path.relpath(place, os.fsencode(root))] = (kind, _content(place, kind))
    return found


def _content(place: bytes, kind: int) -> bytes:
    if not stat.S_ISREG(kind):
        return b""
    with open(place, "rb") as file:  # noqa: PTH123  likewise
        return file.read()


def files_of(outlined: dict[bytes, tuple[int, bytes]]) -> dict[bytes, bytes]:
    """Only the files."""
    return {path: content for path, (kind, content) in outlined.items() if stat.S_ISREG(kind)}


class Way:
    """An installation through which tree after tree is sent, each as an object of its own."""

    def __init__(self, base: Path, installation: Installation) -> None:
        self._base = base
        self._installation = installation
        self._numbers = count()

    def send(self, tree: list[Entry]) -> SubmissionResult:
        """Send one tree all the way; require what must be true of every tree; return what was told."""
        name = f"drop-{next(self._numbers)}"
        drop, target = self._base / name, self._base / f"{name}-restored"
        plant(tree, drop)
        before, beside = outline(drop), sorted(path.name for path in self._base.iterdir())
        told = self._preserved(drop)
        assert outline(drop) == before
        assert told.receipt is not None
        if told.ending.verdict is Verdict.STORED:
            self._require_faithful(told, before, target)
            shutil.rmtree(target)
        else:
            assert told.ending.verdict in {Verdict.REJECTED, Verdict.WAITING}, told.ending.sentence
            grave = [issue for issue in told.issues if issue.severity.value in {"error", "question"}]
            assert grave
            assert any(issue.path or "'" in issue.message for issue in grave), grave
        for text in (told.ending.sentence, *(issue.message for issue in told.issues)):
            assert printable(text) == text
        assert sorted(path.name for path in self._base.iterdir()) == beside
        shutil.rmtree(drop)
        return told

    def _preserved(self, drop: Path) -> SubmissionResult:
        with claim(DropRequest(drop, "files", drop.name), self._installation) as workspace:
            for stage in STAGES.values():
                self._installation.journal.append(stage.run(workspace, self._installation))
            [told] = answer([workspace], self._installation)
        return told

    def _require_faithful(
        self, told: SubmissionResult, before: dict[bytes, tuple[int, bytes]], target: Path
    ) -> None:
        package = told.ending.package
        assert package is not None
        for replica in told.ending.replicas:
            bag = self._installation.settings.directory / "stores" / replica.store / package.prefix
            assert validate(bag).valid
            if all(_known_to_bagit(path) for path in before):
                check = [sys.executable, "-m", "bagit", "--validate", "--quiet", bag]
                subprocess.run(check, check=True, capture_output=True)
        owner = ObjectId(CollectionName("files"), object_name(package.object.name))
        restore_object(RestoreRequest(owner, target), self._installation.settings)
        received = files_of(before)
        if b"bagit.txt" in received:
            # Of a bag that was dropped, the payload is the object; its tag files are kept apart.
            received = {
                path.removeprefix(b"data/"): content
                for path, content in received.items()
                if path.startswith(b"data/")
            }
        assert files_of(outline(target)) == received


def _known_to_bagit(path: bytes) -> bool:
    """Say whether ``bagit`` 1.9 reads such a name from a manifest: it decodes % and strips white space."""
    text = os.fsdecode(path)
    return is_utf8(text) and "%" not in text and text == text.strip() and text.isprintable()


@contextmanager
def opened_way(base: Path) -> Iterator[Way]:
    """Make an installation in ``base`` and open it."""
    home = base / "archive"
    make_installation(home)
    with open_installation(load_settings(home), (base,)) as installation:
        yield Way(base, installation)
