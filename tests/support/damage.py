"""Damaged copies of images, and what the formats' own programs say of them."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jpylyzer import jpylyzer

from preservation.rasters.families import Family
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.work import Completed, JobName, Request
from preservation.tools.workers import CagedWorkers

FAMILIES = {
    ".jpg": Family.JPEG, ".jpeg": Family.JPEG, ".tif": Family.TIFF, ".tiff": Family.TIFF, ".png": Family.PNG,
    ".gif": Family.GIF, ".bmp": Family.BMP, ".jp2": Family.JPEG_2000, ".j2k": Family.JPEG_2000,
    ".jpx": Family.JPEG_2000, ".webp": Family.WEBP,
}  # fmt: skip

_BLOCK, _SECTOR, _BYTES = 4096, 512, 64
_MEMORY = 1 << 30


def cut(content: bytes, draw: random.Random) -> bytes:
    """A copy that was broken off."""
    return content[: draw.randrange(len(content) // 20, len(content))]


def missing_block(content: bytes, draw: random.Random) -> bytes:
    """A copy that lacks 4096 bytes, or of a small file a tenth, in its midst."""
    size = min(_BLOCK, len(content) // 10)
    at = draw.randrange(len(content) // 20, len(content) - size)
    return content[:at] + content[at + size :]


def zeroed_sector(content: bytes, draw: random.Random) -> bytes:
    """A copy of which a sector of the disk reads as zeros."""
    size = min(_SECTOR, len(content) // 10)
    at = draw.randrange(len(content) // 20, len(content) - size)
    return content[:at] + bytes(size) + content[at + size :]


def random_bytes(content: bytes, draw: random.Random) -> bytes:
    """A copy of which 64 bytes were overwritten."""
    size = min(_BYTES, len(content) // 10)
    at = draw.randrange(len(content) // 20, len(content) - size)
    return content[:at] + draw.randbytes(size) + content[at + size :]


def noise(size: int, seed: int) -> bytes:
    """So many bytes that mean nothing, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311  no secret


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (cut, missing_block, zeroed_sector, random_bytes)


@dataclass(frozen=True)
class Program:
    """A format's own program: how it is called with a file, and a folder for what it writes."""

    name: str
    package: str
    command: Callable[[Path, Path], list[str]]
    talk: Callable[[str], Iterable[str]] = str.splitlines

    @property
    def is_here(self) -> bool:
        """Whether it is installed."""
        return shutil.which(self.name) is not None

    def findings(self, path: Path, folder: Path) -> set[str]:
        """What it says against the file."""
        command = self.command(path, folder)
        try:
            finished = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=60, check=False
            )
        except subprocess.TimeoutExpired:
            return {"no end"}
        talk = finished.stderr + finished.stdout
        for name in (str(path), path.name, str(folder)):
            talk = talk.replace(name, "")
        said = {line.strip() for line in self.talk(talk)}
        if finished.returncode:
            said.add(f"exit {finished.returncode}")
        return said - {""}


def _alarms(text: str) -> list[str]:
    return [line for line in text.splitlines() if "[WARNING]" in line or "[ERROR]" in line]


def _damage(text: str) -> list[str]:
    # What a text field ends with concerns no pixel.
    return [line for line in text.splitlines() if "null byte" not in line]


def _nothing(_: str) -> list[str]:
    return []


PROGRAMS: dict[Family, tuple[Program, ...]] = {
    Family.JPEG: (
        Program(
            "djpeg", "libjpeg-turbo-progs", lambda path, _: ["djpeg", "-outfile", "/dev/null", str(path)]
        ),
    ),
    Family.TIFF: (
        Program(
            "tiffcp",
            "libtiff-tools",
            lambda path, to: ["tiffcp", "-c", "none", str(path), str(to / "out")],
            _damage,
        ),
        Program(
            "tiff2rgba",
            "libtiff-tools",
            lambda path, to: ["tiff2rgba", str(path), str(to / "out")],
            _damage,
        ),
    ),
    Family.PNG: (Program("pngcheck", "pngcheck", lambda path, _: ["pngcheck", "-q", str(path)]),),
    Family.GIF: (
        Program("gif2rgb", "giflib-tools", lambda path, to: ["gif2rgb", "-o", str(to / "out"), str(path)]),
        Program("giftext", "giflib-tools", lambda path, _: ["giftext", str(path)], _nothing),
    ),
    Family.JPEG_2000: (
        Program(
            "opj_decompress",
            "libopenjp2-tools",
            lambda path, to: ["opj_decompress", "-i", str(path), "-o", str(to / "out.tif")],
            _alarms,
        ),
    ),
    Family.WEBP: (
        Program("dwebp", "webp", lambda path, to: ["dwebp", str(path), "-o", str(to / "out")], _nothing),
        Program("webpinfo", "webp", lambda path, _: ["webpinfo", "-quiet", str(path)]),
    ),
}


def absent_programs() -> list[str]:
    """The Debian packages whose programs are not installed."""
    return sorted({one.package for several in PROGRAMS.values() for one in several if not one.is_here})


def said_by_libraries(path: Path, folder: Path) -> set[str]:
    """All that the programs of its format say against a file, and jpylyzer of a JP2."""
    family = FAMILIES[path.suffix.lower()]
    said = {
        f"{program.name}: {finding}"
        for program in PROGRAMS.get(family, ())
        if program.is_here
        for finding in program.findings(path, folder)
    }
    if path.suffix == ".jp2":
        report = jpylyzer.checkOneFile(str(path), "jp2")
        if report.findtext("isValid") != "True":
            said |= {f"jpylyzer: {test.tag}" for test in report.iter() if test.text == "False"}
    return said


@dataclass
class Tally:
    """What became of the copies of one master: how many, how many the libraries flagged, and we did."""

    copies: int = 0
    libraries: int = 0
    ours: int = 0
    missed: list[str] = field(default_factory=list)


def said_by_us(paths: Iterable[Path], workers: CagedWorkers) -> Iterator[dict[str, object]]:
    """What the job that screens images reports of each file; ``died`` where it ended otherwise."""
    requests = (
        Request(
            JobName(f"{JOB_MODULES[0]}:examine"),
            {"family": FAMILIES[path.suffix.lower()].value, "memory": _MEMORY},
            (path,),
        )
        for path in paths
    )
    for outcome in workers.map(requests):
        yield dict(outcome.value) if isinstance(outcome, Completed) else {"died": repr(outcome)}


FAULTS = ("fault", "later", "profile", "imperfect", "died")


def flagged(report: dict[str, object]) -> list[object]:
    """The faults in a report of ours."""
    return [report[key] for key in FAULTS if report.get(key)]


def trial(
    masters: Iterable[Path], folder: Path, workers: CagedWorkers, *, each: int, seed: str
) -> dict[str, Tally]:
    """Damage copies of the masters, each way so often, and ask the libraries and us; by the master's name."""
    tallies: dict[str, Tally] = {}
    for master in masters:
        whole, sound = master.read_bytes(), said_by_libraries(master, folder)
        copies: list[Path] = []
        for way in WAYS:
            for turn in range(each):
                draw = random.Random(f"{seed} {master.name} {way.__name__} {turn}")  # noqa: S311  no secret
                copy = folder / f"{master.stem}-{way.__name__}-{turn}{master.suffix}"
                copy.write_bytes(way(whole, draw))
                copies.append(copy)
        tally = tallies.setdefault(master.name, Tally())
        for copy, report in zip(copies, said_by_us(copies, workers), strict=True):
            theirs = said_by_libraries(copy, folder) - sound
            tally.copies += 1
            tally.libraries += bool(theirs)
            tally.ours += bool(flagged(report))
            if theirs and not flagged(report):
                tally.missed.append(f"{copy.name}: {sorted(theirs)[:3]}")
            copy.unlink()
    return tallies
