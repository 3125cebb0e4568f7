"""libmagic: says what a file looks like, as a media type. It describes; it never decides."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from preservation.errors import ToolMissingError
from preservation.model.formats import EngineName, EngineRelease, MimeType

if TYPE_CHECKING:
    from magic import Magic

LIBMAGIC = EngineName("libmagic")

_UNDESCRIBED = MimeType("application/octet-stream")


def describe(path: Path) -> MimeType:
    """Return the media type of the file at ``path``, ``application/octet-stream`` where there is no better.

    Raises ``ToolMissingError`` where libmagic is not installed.
    """
    library = _library()
    from magic import MagicException  # noqa: PLC0415  importing it loads libmagic, which may be missing

    try:
        # By descriptor: libmagic would describe a link in /proc as a link, and has no way with long paths.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return _UNDESCRIBED
    try:
        return MimeType(library.from_descriptor(descriptor))
    except MagicException:
        return _UNDESCRIBED
    finally:
        os.close(descriptor)


@cache
def release() -> EngineRelease:
    """Return libmagic's version. Raises ``ToolMissingError`` where libmagic is not installed."""
    _library()
    from magic import version  # noqa: PLC0415  importing it loads libmagic, which may be missing

    installed: int = version()  # type: ignore[no-untyped-call]  # python-magic annotates all but this
    major, minor = divmod(installed, 100)
    return EngineRelease(LIBMAGIC, f"{major}.{minor:02}", "the system's magic database")


@cache
def _library() -> Magic:
    try:
        from magic import Magic  # noqa: PLC0415  importing it loads libmagic, which may be missing
    except ImportError as error:
        raise ToolMissingError("libmagic is not installed: apt-get install libmagic1") from error
    # One for all threads: python-magic lets one thread at a time ask it.
    return Magic(mime=True)
