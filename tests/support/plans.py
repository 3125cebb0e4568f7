"""Small planned bags, real down to their manifests, for whoever writes or reads packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, PackageId, VersionNumber
from preservation.model.layout import commit
from preservation.model.packages import BagEntry, EarlierFile
from preservation.model.paths import BagPath, LocalPath

SHEET = PackageId(ObjectId(CollectionName("maps"), ObjectName("sheet-012")), VersionNumber(1))

PAYLOAD = {
    "a.tif": b"II*\0 not really, but bytes all the same",
    "empty": b"",
    "folder/\u65e5\u672c\nline.txt": b"named in two lines",
    "folder/b.tif": bytes(range(256)) * 300,
}

_COMMIT = commit(Algorithm.SHA256)


@dataclass(frozen=True)
class HeldPlan:
    """A plan whose entries are held in memory."""

    package: PackageId
    algorithm: Algorithm
    entries: tuple[BagEntry, ...]
    earlier: tuple[EarlierFile, ...] = ()
    commit: BagPath = _COMMIT

    def entry(self, ending: str) -> BagEntry:
        return next(entry for entry in self.entries if entry.path.endswith(ending))


def plan_bag(folder: Path, payload: Mapping[str, bytes] = PAYLOAD, package: PackageId = SHEET) -> HeldPlan:
    """Plan a bag of ``payload``, whose files are written to ``folder`` first."""
    contents = {f"data/originals/{path}": content for path, content in payload.items()}
    contents["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    contents["manifest-sha256.txt"] = _manifest(
        (path, content) for path, content in contents.items() if path.startswith("data/")
    )
    contents["tagmanifest-sha256.txt"] = _manifest(
        (path, content) for path, content in contents.items() if not path.startswith("data/")
    )
    return HeldPlan(
        package,
        Algorithm.SHA256,
        tuple(
            _entry(folder, number, path, content) for number, (path, content) in enumerate(contents.items())
        ),
    )


def _entry(folder: Path, number: int, path: str, content: bytes) -> BagEntry:
    folder.mkdir(exist_ok=True, parents=True)
    source = folder / f"source-{number}"
    source.write_bytes(content)
    return BagEntry(
        BagPath(path), LocalPath(str(source)), len(content), digest_bytes(content, (Algorithm.SHA256,))
    )


def _manifest(files: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(
        f"{digest_bytes(content, (Algorithm.SHA256,))[Algorithm.SHA256]}  {_encoded(path)}\n".encode()
        for path, content in files
    )


def _encoded(path: str) -> str:
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")
