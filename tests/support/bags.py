"""Bags as anybody may make them, right and wrong, for tests."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

PAYLOAD = {"data/letter.txt": b"Dear reader,\n", "data/scans/page 1.tif": b"II*\0 pretend"}


def declaration(version: str = "1.0", encoding: str = "UTF-8") -> bytes:
    return f"BagIt-Version: {version}\nTag-File-Character-Encoding: {encoding}\n".encode()


def manifest(files: Mapping[str, bytes], algorithm: str = "sha256", encoding: str = "utf-8") -> bytes:
    lines = (
        f"{hashlib.new(algorithm, content).hexdigest()}  "
        f"{path.replace('%', '%25').replace(chr(10), '%0A').replace(chr(13), '%0D')}\n"
        for path, content in files.items()
    )
    return "".join(lines).encode(encoding, "surrogateescape")


def bag_files(
    payload: Mapping[str, bytes] | None = None,
    *,
    version: str = "1.0",
    encoding: str = "UTF-8",
    algorithms: Iterable[str] = ("sha256",),
    replacing: Mapping[str, bytes | None] | None = None,
) -> dict[str, bytes]:
    """Return the files of a valid bag by their paths.

    ``replacing`` puts other content in place of a tag file's before the tag manifests are made, or adds
    or removes (``None``) one.
    """
    payload = PAYLOAD if payload is None else payload
    size = sum(map(len, payload.values()))
    metadata = "package-info.txt" if version in {"0.93", "0.94", "0.95"} else "bag-info.txt"
    tags: dict[str, bytes | None] = {
        "bagit.txt": declaration(version, encoding),
        metadata: f"Contact-Name: Ada\nPayload-Oxum: {size}.{len(payload)}\n".encode(encoding),
    }
    tags |= {f"manifest-{name}.txt": manifest(payload, name, encoding) for name in algorithms}
    tags |= dict(replacing or {})
    present = {path: content for path, content in tags.items() if content is not None}
    tag_manifests = {f"tagmanifest-{name}.txt": manifest(present, name, encoding) for name in algorithms}
    return {**tag_manifests, **present, **payload}


def write(root: Path, files: Mapping[str, bytes], *, folders: Iterable[str] = ("data",)) -> Path:
    """Write ``files`` below ``root`` and return it."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return root


def zipped(path: Path, files: Mapping[str, bytes], top: str = "bag/") -> Path:
    """Write a zip archive of ``files`` in the folder ``top`` and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{top}{name}", content)
    return path


def tarred(path: Path, files: Mapping[str, bytes], top: str = "bag/", mode: str = "w:gz") -> Path:
    """Write a tar archive of ``files`` in the folder ``top`` and return its path."""
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            archive.addfile(tar_member(f"{top}{name}", size=len(content)), io.BytesIO(content))
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, size
    return member


def codes_of(issues: Iterable[object]) -> set[str]:
    """Return the codes of ``issues``."""
    return {str(issue.code) for issue in issues}  # type: ignore[attr-defined]  # issues of any kind
