"""Notices: a page in ``rejected/`` about each entry of an inbox that is not taken because of its name."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

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


@dataclass(slots=True)
class Notices(Generic[Put]):
    """Puts a notice once where an entry is passed over for its name, and takes it away with the entry.

    What was put is remembered in ``file``, which ``decoder`` reads: a restart neither repeats nor forgets it.
    ``put`` returns ``None``, and ``take_away`` false, where that is to be tried again.
    """

    file: Path
    decoder: msgspec.json.Decoder[dict[str, Put]]
    put: Callable[[PassedOver], Put | None]
    take_away: Callable[[Put], bool]
    _put: dict[str, Put] = field(init=False)
    _settled: tuple[PassedOver, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self._put = {}
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            self._put = self.decoder.decode(self.file.read_bytes())

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
        before = dict(self._put)
        for key in before.keys() - wanted.keys():
            if self.take_away(self._put[key]):
                del self._put[key]
        for key, one in wanted.items():
            if key not in self._put and len(self._put) < _MOST:
                put = self.put(one)
                if put is not None:
                    self._put[key] = put
        if self._put != before:
            self._remember()
        if self._put.keys() <= wanted.keys() and (
            wanted.keys() <= self._put.keys() or len(self._put) == _MOST
        ):
            self._settled = unnameable

    def _remember(self) -> None:
        try:
            with written_whole(self.file) as sink:
                sink.write(msgspec.json.encode(self._put))
        except OSError as error:
            LOG.warning("%s cannot be written: %s", self.file, error.strerror)


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
