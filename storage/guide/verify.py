"""Check what Muniment keeps, with Python's standard library alone (3.9 or later).

    python3 verify.py                         the store that this file lies in
    python3 verify.py maps/sheet-012/v2       one version
    python3 verify.py maps/sheet-012          an object with all its versions
    python3 verify.py _journal                the journal alone
    python3 verify.py --public-key KEY.pem    the store, its journal by a key that you had by another way

It shares no code with Muniment, on purpose: read it from top to bottom, or write another from README.txt. A
version is checked by its own lists, file by file, every byte; where the store's journal lies beside it, the
digest that stands for the version is compared with what the journal recorded when it was kept. What fetch.txt
names is read in the earlier version where it lies. No link is followed, nothing is written, and names that
would leave a folder are refused.

It ends with 0 where everything holds, 1 where something does not, 2 where that could not be told.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import importlib.util
import io
import json
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import BinaryIO, Callable
from urllib.parse import unquote_to_bytes

SHOWN = 20
OBJECTS = 2  # folders below a store lie its objects
BLOCK = 1 << 20
JOURNAL = b"_journal"
CHECKER = re.compile(r"check_journal(?:\.([0-9]+))?\.py")
LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
LISTING = re.compile(rb"(tag)?manifest-(md5|sha1|sha256|sha512)\.txt")
LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]+\*?(.+)", re.DOTALL)
FETCHED = re.compile(
    rb"muniment://([^/?#\s]+/[^/?#\s]+)/v([1-9][0-9]{0,8})/([^?#\s]+) ([0-9]+|-) (.+)", re.DOTALL
)
VERSION = re.compile(rb"v([1-9][0-9]{0,8})")
KEPT = re.compile(r"(.+/v[1-9][0-9]*) entered in the catalogue")
STATED = re.compile(r"(tagmanifest-[a-z0-9]+\.txt) (sha256|sha512):([0-9a-f]+)")
LONGEST_LINE = 1 << 20
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
FOLDER = getattr(os, "O_DIRECTORY", 0)


class UnlistedError(Exception):
    """A line of a list is none."""


class Findings:
    """What was found: the first faults are shown, all are counted."""

    def __init__(self) -> None:
        self.faults = 0
        self.unknown = 0
        self.versions = 0
        self.files = 0
        self.bytes = 0

    def fault(self, sentence: str) -> None:
        """Report what does not hold."""
        self.faults += 1
        if self.faults <= SHOWN:
            write(f"  NOT AS KEPT  {sentence}")

    def doubt(self, sentence: str) -> None:
        """Report what could not be told."""
        self.unknown += 1
        if self.unknown <= SHOWN:
            write(f"  NOT KNOWN  {sentence}")

    @property
    def code(self) -> int:
        """How the program ends."""
        return 1 if self.faults else 2 if self.unknown else 0


def write(text: str) -> None:
    """Write a line to the standard output; what a terminal cannot show, as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))


def shown(name: bytes) -> str:
    """Return a name as text that any terminal can carry."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


# ---------------------------------------------------------------- files


def is_sound(path: bytes) -> bool:
    """Return whether a path stays below the folder it is relative to."""
    return b"\0" not in path and not {b"", b".", b".."} & set(path.split(b"/"))


def open_plain(root: bytes, path: bytes) -> BinaryIO:
    """Open a plain file below ``root``, through no link. Raises OSError."""
    if os.open not in os.supports_dir_fd:
        return open_by_path(root, path)
    folder = os.open(root, os.O_RDONLY | FOLDER)
    try:
        *above, name = path.split(b"/")
        for segment in above:
            below = os.open(segment, os.O_RDONLY | FOLDER | NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = below
        descriptor = os.open(name, os.O_RDONLY | NO_LINK, dir_fd=folder)
    finally:
        os.close(folder)
    return plain(descriptor)


def open_by_path(root: bytes, path: bytes) -> BinaryIO:
    """Open a file as ``open_plain`` does, on systems that open nothing relative to a folder."""
    place = root
    for segment in path.split(b"/"):
        place = join(place, segment)
        if stat.S_ISLNK(os.lstat(place).st_mode):
            raise OSError(errno.ELOOP, "it lies behind a link")
    return plain(os.open(place, os.O_RDONLY | NO_LINK))


def plain(descriptor: int) -> BinaryIO:
    """Return an open file, where it is a plain one. Raises OSError."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no plain file")
    return os.fdopen(descriptor, "rb", buffering=0)


def digests_of(file: BinaryIO, algorithms: Iterable[str]) -> tuple[int, dict[str, str]]:
    """Read a file once; return its size and its digests."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    size = 0
    while block := file.read(BLOCK):
        size += len(block)
        for one in hashes.values():
            one.update(block)
    return size, {name: one.hexdigest() for name, one in hashes.items()}


def walk(root: bytes, below: bytes = b"", without: bytes = b"") -> Iterator[bytes]:
    """Yield everything below a folder that is no folder; ``without`` is passed over. Raises OSError."""
    folders = [below]
    while folders:
        folder = folders.pop()
        with os.scandir(join(root, folder)) as entries:
            for entry in entries:
                path = join(folder, entry.name)
                if not entry.is_dir(follow_symlinks=False):
                    yield path
                elif path != without:
                    folders.append(path)


def join(folder: bytes, name: bytes) -> bytes:
    """Return a path below a folder."""
    return folder + b"/" + name if folder and name else folder or name


def folders_in(folder: bytes) -> list[bytes]:
    """Return the names of the folders in a folder, links left out, in order."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


# ---------------------------------------------------------------- lists (RFC 8493)


def decoded(path: bytes) -> bytes:
    """Return the path that a list writes with %25, %0A and %0D."""
    return re.sub(rb"%(25|0[AaDd])", lambda found: bytes([int(found[1], 16)]), path)


def lines_of(root: bytes, name: bytes) -> Iterator[bytes]:
    """Yield the lines of a list, without their ends. Raises UnlistedError at one that is longer than any."""
    with io.BufferedReader(open_plain(root, name)) as file:  # type: ignore[type-var]  # a raw file
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise UnlistedError(f"{shown(name)} has a line that is none")
            yield line[:-1] if line.endswith(b"\n") else line


def listed(root: bytes, name: bytes, algorithm: str) -> Iterator[tuple[bytes, str]]:
    """Yield path and digest of each line of a manifest. Raises UnlistedError at a line that is none."""
    for number, line in enumerate(lines_of(root, name), 1):
        match = LINE.fullmatch(line)
        if not match or len(match[1]) != LENGTHS[algorithm] or not is_sound(decoded(match[2])):
            raise UnlistedError(f"{shown(name)}, line {number}, names no file of this folder")
        yield decoded(match[2]), match[1].decode().lower()


def listed_by_all(root: bytes, names: dict[str, bytes]) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Yield each file that lists of several algorithms name, with all its digests: they have one order."""
    for entries in zip_longest(*(listed(root, name, algorithm) for algorithm, name in names.items())):
        if None in entries or len({path for path, _ in entries}) > 1:
            raise UnlistedError(f"{' and '.join(map(shown, names.values()))} do not list the same files")
        yield entries[0][0], dict(zip(names, (digest for _, digest in entries)))  # noqa: B905  Python 3.9


def lists_in(root: bytes, *, tags: bool) -> dict[str, bytes]:
    """Return the names of a version's manifests, or of its tag manifests, by algorithm. Raises OSError."""
    matches = filter(None, map(LISTING.fullmatch, sorted(os.listdir(root))))
    return {one[2].decode(): one[0] for one in matches if bool(one[1]) is tags}


class Names:
    """A set of names in little memory: how many they are, and the sum of their digests."""

    def __init__(self, names: Iterable[bytes] = ()) -> None:
        self.count = 0
        self.total = 0
        for name in names:
            self.add(name)

    def add(self, path: bytes) -> None:
        """Add a name."""
        self.count += 1
        self.total += int.from_bytes(hashlib.sha256(path).digest(), "big")

    def is_same(self, other: Names) -> bool:
        """Return whether both have the same names, each as often."""
        return (self.count, self.total) == (other.count, other.total)


# ---------------------------------------------------------------- one version


class Version:
    """One version in the folder ``root``; ``recorded`` are its tag manifests by the journal, if any."""

    def __init__(self, root: bytes, recorded: dict[str, tuple[str, str]], found: Findings) -> None:
        self.root = root
        self.recorded = recorded
        self.found = found
        self.files = 0
        self.bytes = 0

    def check(self) -> None:
        """Check every file that is listed, and that there is no other."""
        self.found.versions += 1
        before = self.found.faults + self.found.unknown
        try:
            tags, manifests = lists_in(self.root, tags=True), lists_in(self.root, tags=False)
            if not tags or not manifests:
                self.fault("it lacks its tag manifest or its manifest")
            else:
                self.check_lists(tags, manifests)
        except UnlistedError as error:
            self.fault(str(error))
        except OSError as error:
            self.meet(os.fsencode(error.filename or b""), error)
        if before == self.found.faults + self.found.unknown:
            write(f"SOUND  {shown(self.root)}: {self.files} files, {self.bytes} bytes")

    def check_lists(self, tags: dict[str, bytes], manifests: dict[str, bytes]) -> None:
        """Check from the top down: the tag manifests, the tag files, the payload."""
        for name, (algorithm, digest) in self.recorded.items():
            self.compare(self.root, name.encode(), name.encode(), {algorithm: digest}, by="the journal")
        for tag in tags.values():
            if self.recorded and tag.decode() not in self.recorded:
                self.fault(f"{shown(tag)} was not kept with this version")
        if b"Tag-File-Character-Encoding: UTF-8" not in list(lines_of(self.root, b"bagit.txt")):
            self.fault("bagit.txt does not declare a bag in UTF-8")
        listed_tags = Names(tags.values())
        for path, digests in listed_by_all(self.root, tags):
            listed_tags.add(path)
            self.compare(self.root, path, path, digests)
        self.find_others(tags, listed_tags, lambda: walk(self.root, without=b"data"), tags.values())
        self.files = self.bytes = 0
        self.check_payload(manifests)

    def check_payload(self, manifests: dict[str, bytes]) -> None:
        """Check the files of ``data/``, here or, where fetch.txt names them, in earlier versions."""
        fetched = self.fetched()
        there = next(fetched, None)
        here = Names()
        for path, digests in listed_by_all(self.root, manifests):
            if not path.startswith(b"data/"):
                raise UnlistedError(f"its manifest names {shown(path)}, which is no payload")
            if there is not None and there[0] == path:
                self.compare(there[1], there[2], path, digests, size=there[3])
                there = next(fetched, None)
            else:
                here.add(path)
                self.compare(self.root, path, path, digests)
        if there is not None:
            raise UnlistedError(f"fetch.txt names {shown(there[0])}, where its manifest does not")
        if os.path.lexists(join(self.root, b"data")):
            self.find_others(manifests, here, lambda: walk(self.root, b"data"))
        oxum = f"{self.bytes}.{self.files}"
        if self.label(b"Payload-Oxum") not in {b"", oxum.encode()}:
            self.fault(f"its Payload-Oxum is not {oxum}, as was found")

    def fetched(self) -> Iterator[tuple[bytes, bytes, bytes, int]]:
        """Yield of each file that lies in an earlier version: path here, folder and path there, size."""
        if not os.path.lexists(join(self.root, b"fetch.txt")):
            return
        folder, name = os.path.split(os.path.abspath(self.root))
        own, owner = VERSION.fullmatch(name), self.label(b"External-Identifier")
        for number, line in enumerate(lines_of(self.root, b"fetch.txt"), 1):
            match = FETCHED.fullmatch(line)
            path = unquote_to_bytes(match[3]) if match else b""
            is_ours = match and own and unquote_to_bytes(match[1]) == owner and int(match[2]) < int(own[1])
            if not match or not is_ours or not is_sound(path):
                raise UnlistedError(f"fetch.txt, line {number}, names no file of an earlier version")
            size = -1 if match[4] == b"-" else int(match[4])
            yield decoded(match[5]), join(folder, b"v" + match[2]), path, size

    def label(self, name: bytes) -> bytes:
        """Return the last value that bag-info.txt has under a label; the policy's own come first."""
        start = name + b": "
        found = [
            line[len(start) :] for line in lines_of(self.root, b"bag-info.txt") if line.startswith(start)
        ]
        return found[-1] if found else b""

    def compare(
        self,
        root: bytes,
        place: bytes,
        path: bytes,
        digests: dict[str, str],
        size: int = -1,
        by: str = "its list",
    ) -> None:
        """Read a file from where it lies, and compare it with what is promised."""
        try:
            with open_plain(root, place) as file:
                length, found = digests_of(file, digests)
        except OSError as error:
            self.meet(path if root == self.root else join(root, place), error)
            return
        self.files += 1
        self.bytes += length
        self.found.files += 1
        self.found.bytes += length
        if found != digests or size not in {-1, length}:
            where = "" if root == self.root else f", which lies in {shown(root)},"
            self.fault(f"{shown(path)}{where} is not what {by} promises")

    def find_others(
        self,
        lists: dict[str, bytes],
        promised: Names,
        there: Callable[[], Iterable[bytes]],
        more: Iterable[bytes] = (),
    ) -> None:
        """Report files that lie there and stand in no list, and such that stand in a list twice."""
        if promised.is_same(Names(there())):
            return
        names = set(more)
        for path, _ in listed_by_all(self.root, lists):
            if path in names:
                self.fault(f"{shown(path)} is listed twice")
            names.add(path)
        for path in there():
            if path not in names:
                self.fault(f"{shown(path)} was not kept with this version")

    def meet(self, path: bytes, error: OSError) -> None:
        """Report a file that cannot be opened or read: missing, a link, or not to be told."""
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            self.fault(f"{shown(path)} is missing")
        elif error.errno in {0, errno.ELOOP}:
            self.fault(f"{shown(path)} is no plain file")
        else:
            self.found.doubt(f"{shown(self.root)}: {shown(path)} cannot be read: {error.strerror}")

    def fault(self, sentence: str) -> None:
        """Report what does not hold of this version."""
        self.found.fault(f"{shown(self.root)}: {sentence}")


# ---------------------------------------------------------------- the journal


def journal_beside(path: bytes) -> bytes:
    """Return the journal's folder in the store that ``path`` lies in; empty where there is none."""
    folder = os.path.abspath(path)
    for _ in range(4):
        if os.path.isdir(join(folder, JOURNAL)):
            return join(folder, JOURNAL)
        folder = os.path.dirname(folder)
    return b""


def recorded_in(folder: bytes) -> dict[str, dict[str, tuple[str, str]]]:
    """Return, by version, the digests of tag manifests that a journal's entries record, the first ones."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name in sorted(os.listdir(folder)) if folder else ():
        if name.endswith(b".jsonl"):
            for line in lines_of(folder, name):
                version, note = kept_by(line)
                if version and not found.get(version):
                    found[version] = {path: (name, digest) for path, name, digest in STATED.findall(note)}
    return found


def kept_by(line: bytes) -> tuple[str, str]:
    """Return the version that an entry states to be kept, and its note; empty where it states none."""
    if b'"accession"' not in line and b'"message digest calculation"' not in line:
        return "", ""
    try:
        entry = json.loads(line)
        detail, note = str(entry["detail"]["detail"]), str(entry["detail"]["note"])
        kept = KEPT.match(detail)
        if kept:
            return kept[1], note
        return (str(entry["object"]), note) if STATED.search(note) else ("", "")
    except (ValueError, LookupError, TypeError, RecursionError):
        return "", ""


def check_journal(folder: bytes, keys: list[str], found: Findings) -> None:
    """Check a journal's chain and signatures by check_journal.py, which lies beside this file or below."""
    here = os.path.dirname(os.path.abspath(__file__))
    places = [place for place in (here, os.path.join(here, JOURNAL.decode())) if os.path.isdir(place)]
    # Of several forms, the one with the highest number is the newest.
    forms = [
        (int(form[1] or 1), os.path.join(place, form[0]))
        for place in places
        for form in filter(None, map(CHECKER.fullmatch, os.listdir(place)))
    ]
    checker = max(forms)[1] if forms else ""
    spec = importlib.util.spec_from_file_location("check_journal", checker) if checker else None
    if spec is None or spec.loader is None:
        found.doubt(
            f"{shown(folder)}: check_journal.py does not lie beside this program; take it from an export"
        )
        return
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    # It checks what lies beside it.
    module.__file__ = os.path.join(os.fsdecode(folder), "check_journal.py")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = module.main(["--public-key", *keys] if keys else [])
    lines = said.getvalue().splitlines()
    for line in lines:
        if line != "Checking:" and not line.startswith("  "):
            write(f"JOURNAL  {line}")
    if code and any(line.startswith("BROKEN") for line in lines):
        found.fault(f"{shown(folder)}: the journal does not hold")
    elif code:
        found.doubt(f"{shown(folder)}: the journal is not proved")


# ---------------------------------------------------------------- the command


def versions_below(path: bytes) -> Iterator[bytes]:
    """Yield the folders of versions at or below ``path``, those of an object in their order.

    A store has collections, these have objects, and these have versions.
    """
    folders = [(path, 0)]
    while folders:
        folder, depth = folders.pop()
        names = folders_in(folder)
        numbers = sorted(int(found[1]) for found in map(VERSION.fullmatch, names) if found)
        if os.path.lexists(join(folder, b"bagit.txt")) or any(lists_in(folder, tags=True)):
            yield folder
        elif numbers:
            yield from (join(folder, b"v%d" % number) for number in numbers)
        elif depth < OBJECTS:
            below = [name for name in names if not name.startswith((b".", b"_"))]
            folders += [(join(folder, name), depth + 1) for name in reversed(below)]


def check_path(path: bytes, keys: list[str], found: Findings) -> None:
    """Check what lies at a path: a version, an object, a collection, a store, or a journal."""
    if os.path.basename(os.path.abspath(path)) == JOURNAL:
        check_journal(path, keys, found)
        return
    journal = journal_beside(path)
    recorded = recorded_in(journal)
    before = found.versions
    is_store = journal and os.path.dirname(journal) == os.path.abspath(path)
    for version in versions_below(path):
        name = b"/".join(os.path.abspath(version).split(b"/")[-3:]).decode("utf-8", "surrogateescape")
        known = recorded.pop(name, None)
        if not lists_in(version, tags=True) and known is None:
            write(f"UNFINISHED  {shown(version)}: it has no tag manifest, so it was never kept")
            continue
        if journal and known is None:
            found.doubt(f"{shown(version)}: the journal here does not know this version")
        Version(version, known or {}, found).check()
    if is_store:
        check_journal(journal, keys, found)
        for name in list(recorded)[:SHOWN]:
            write(f"NOT HERE  {name}: kept, by the journal; a store need not have what others have")
        write(f"{len(recorded)} versions that the journal has do not lie here")
    elif found.versions == before:
        found.doubt(f"{shown(path)}: no version lies there")


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names, report what was found, and return 0, 1 or 2."""
    parser = argparse.ArgumentParser(description="Check what Muniment keeps: versions, objects, stores.")
    parser.add_argument("paths", nargs="*", help="folders; without any, the store that this file lies in")
    parser.add_argument("--public-key", nargs="+", default=[], help="trusted keys of the journal (PEM)")
    chosen = parser.parse_args(arguments)
    found = Findings()
    for text in chosen.paths or [os.path.dirname(os.path.abspath(__file__))]:
        path = os.fsencode(text)
        try:
            check_path(path, chosen.public_key, found)
        except OSError as error:
            found.doubt(f"{shown(path)}: {shown(os.fsencode(error.filename or b''))}: {error.strerror}")
    write(f"{found.versions} versions, {found.files} files and {found.bytes} bytes read")
    verdict = ("SOUND", "NOT SOUND", "NOT KNOWN")[found.code]
    write(f"{verdict}: {found.faults} faults; {found.unknown} things could not be told")
    return found.code


if __name__ == "__main__":
    sys.exit(main())
