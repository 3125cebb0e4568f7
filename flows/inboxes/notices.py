"""Notices: a page in ``rejected/`` about each entry of an inbox that is not taken because of its name."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec

from flows.inboxes.shelf import is_name
from flows.installation.log import LOG
from preservation.files.durable import written_whole
from preservation.model.paths import is_utf8, printable
from preservation.settling.drops import PassedOver, PassedOverFor

_ENDING: Final = ".receipt.html"
_MOST: Final = 1_000
"""So many entries have a notice at a time; there may be any number of them, and status names them too."""
_SHOWN_BYTES: Final = 120
_LONGEST: Final = 255
"""Bytes of a name on the file systems that there are."""

Put = TypeVar("Put")
"""By what a notice that was put is known again: in its place may lie something else by now."""


def _is_placed(_: Any) -> bool:  # noqa: ANN401  of any notice
    return True


def _none(_: Iterable[Any]) -> tuple[()]:
    return ()


@dataclass(slots=True)
class Notices(Generic[Put]):
    """Puts a notice once where an entry is passed over for its name, and takes it away with the entry.

    What was put is remembered in ``file``, which ``decoder`` reads: a restart neither repeats nor forgets it.
    ``put`` returns ``None``, and ``take_away`` false, where that is to be tried again. Where a notice could
    not be found again after a kill, ``put`` only prepares it; it is remembered, and then ``place`` puts it,
    or returns false. Of those that are remembered, ``recover`` returns those that were not placed.
    """

    file: Path
    decoder: msgspec.json.Decoder[dict[str, Put]]
    put: Callable[[PassedOver], Put | None]
    take_away: Callable[[Put], bool]
    place: Callable[[Put], bool] = _is_placed
    recover: Callable[[Iterable[Put]], Iterable[Put]] = _none
    _put: dict[str, Put] = field(init=False)
    _settled: tuple[PassedOver, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self._put = {}
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            self._put = self.decoder.decode(self.file.read_bytes())
        lost = list(self.recover(self._put.values()))
        self._put = {key: put for key, put in self._put.items() if put not in lost}

    def update(self, passed_over: Iterable[object]) -> None:
        """Put the notices that are missing, and take away ours whose entries are gone."""
        unnameable = tuple(
            one
            for one in passed_over
            if isinstance(one, PassedOver) and one.reason is PassedOverFor.UNNAMEABLE
        )
        if unnameable == self._settled and (unnameable or not self._put):
            return
        wanted = {_key(one.path): one for one in unnameable}
        gone = [key for key in self._put if key not in wanted and self.take_away(self._put[key])]
        for key in gone:
            del self._put[key]
        if gone:
            self._remember()
        self._add({key: one for key, one in wanted.items() if key not in self._put})
        if self._put.keys() <= wanted.keys() and (
            wanted.keys() <= self._put.keys() or len(self._put) == _MOST
        ):
            self._settled = unnameable

    def _add(self, entries: dict[str, PassedOver]) -> None:
        added: dict[str, Put] = {}
        for key, one in entries.items():
            put = self.put(one) if len(self._put) + len(added) < _MOST else None
            if put is not None:
                added[key] = put
        self._put |= added
        is_known = not added or self._remember()
        failed = [key for key, put in added.items() if not is_known or not self.place(put)]
        for key in failed:
            del self._put[key]
        if failed:
            self._remember()

    def _remember(self) -> bool:
        try:
            with written_whole(self.file) as sink:
                sink.write(msgspec.json.encode(self._put))
        except OSError as error:
            LOG.warning("%s cannot be written: %s", self.file, error.strerror)
            return False
        return True


def names_of_notice(name: str) -> Iterator[str]:
    """Yield names for the notice: the entry's own where that can be one, then a part of it with a digest."""
    is_plain = is_utf8(name) and printable(name) == name and is_name(name)
    if is_plain and len(name.encode()) + len(_ENDING) <= _LONGEST:
        yield f"{name}{_ENDING}"
    shown = printable(name).encode()[:_SHOWN_BYTES].decode(errors="ignore").replace("/", "_")
    yield f"{shown}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}{_ENDING}"


def _key(path: Path) -> str:
    """Return a name for the entry that JSON can hold, whatever its bytes."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()
