"""libmagic: says what a file looks like, as a media type. It describes; it never decides."""

from __future__ import annotations

import ctypes.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from preservation.errors import ToolFailedError, ToolMissingError
from preservation.model.formats import EngineName, EngineRelease, MimeType

if TYPE_CHECKING:
    from magic import Magic

LIBMAGIC = EngineName("libmagic")

UNDESCRIBED = MimeType("application/octet-stream")

_LONGEST_CHAIN = 64
"""Rules that call on rules: some files need more than the library's own limit."""


def describe(path: Path) -> MimeType:
    """Return the media type of the file at ``path``, ``application/octet-stream`` where there is no better.

    Raises ``ToolMissingError`` where libmagic is not installed, ``ToolFailedError`` without its database.
    """
    library = _library()
    from magic import MagicException  # noqa: PLC0415  importing it loads libmagic, which may be missing

    try:
        # By descriptor: libmagic would describe a link in /proc as a link, and has no way with long paths.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return UNDESCRIBED
    try:
        return MimeType(library.from_descriptor(descriptor))
    except MagicException:
        return UNDESCRIBED
    finally:
        os.close(descriptor)


@cache
def release() -> EngineRelease:
    """Return libmagic's version. Raises like ``describe``."""
    _library()
    from magic import version  # noqa: PLC0415  importing it loads libmagic, which may be missing

    installed: int = version()  # type: ignore[no-untyped-call]  # python-magic annotates all but this
    major, minor = divmod(installed, 100)
    return EngineRelease(LIBMAGIC, f"{major}.{minor:02}", "the system's magic database")


@cache
def _library() -> Magic:
    try:
        with _opened_by_name():
            from magic import (  # noqa: PLC0415  importing it loads libmagic, which may be missing
                MAGIC_PARAM_NAME_MAX,
                Magic,
                MagicException,
            )
    except ImportError as error:
        raise ToolMissingError("libmagic is not installed: apt-get install libmagic1") from error
    try:
        # One for all threads: python-magic lets one thread at a time ask it.
        library = Magic(mime=True)
    except MagicException as error:
        raise ToolFailedError(
            "libmagic cannot read its database: apt-get install --reinstall libmagic-mgc libmagic1"
        ) from error
    library.setparam(MAGIC_PARAM_NAME_MAX, _LONGEST_CHAIN)
    return library


@contextmanager
def _opened_by_name() -> Iterator[None]:
    """Keep python-magic from searching for the library: that takes a compiler and temporary files.

    A cage has neither. Without a finding it opens ``libmagic.so.1`` by its name.
    """
    searching = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None  # noqa: ARG005  called as what it stands in for
    try:
        yield
    finally:
        ctypes.util.find_library = searching
