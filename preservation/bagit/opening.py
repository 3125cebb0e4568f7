"""The one place that tells which kind of source a path is."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISDIR, S_ISREG

from preservation.bagit.folder_source import FolderSource
from preservation.bagit.source import BagSource
from preservation.bagit.version_source import VersionSource, version_number_of
from preservation.errors import DeniedError, NotFoundError
from preservation.model.paths import printable


def open_source(path: Path) -> BagSource | None:
    """Return the source for the bag at ``path``, or ``None`` where there is neither folder nor archive.

    Raises ``NotFoundError`` where there is nothing, ``DeniedError`` where it must not be looked at.
    """
    try:
        mode = path.stat().st_mode
        if S_ISDIR(mode):
            return _open_folder(path)
        return _open_archive(path) if S_ISREG(mode) else None
    except FileNotFoundError as failure:
        raise NotFoundError(f"There is nothing at {printable(str(path))}; check the path.") from failure
    except PermissionError as failure:
        raise DeniedError(f"{printable(str(path))} must not be read; check its permissions.") from failure


def _open_folder(path: Path) -> BagSource:
    real = path.resolve()
    number = version_number_of(real)
    return FolderSource(path) if number is None else VersionSource(path, real.parent, number)


def _open_archive(path: Path) -> BagSource | None:
    # Most bags are folders, and what reads archives takes a while to import.
    from preservation.archives.members import UnpackLimits  # noqa: PLC0415  as said above
    from preservation.archives.walking import archive_kind  # noqa: PLC0415  as said above
    from preservation.bagit.archive_source import ArchiveSource  # noqa: PLC0415  as said above

    kind = archive_kind(path)
    return None if kind is None else ArchiveSource(path, kind, UnpackLimits())
