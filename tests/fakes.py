"""Faulty stores: each wraps a sound one and does one thing wrong."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from preservation.errors import PreservationError, StoreFullError, UnavailableError
from preservation.fixity.digesting import ByteStream
from preservation.model.identifiers import StoreName
from preservation.model.name_rules import NameRules
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit, KeptFile, Store, StorePlace

Chosen = Callable[[StoreKey], bool]


def ending(suffix: str) -> Chosen:
    """Choose the keys that end like this."""
    return lambda key: key.endswith(suffix)


class WrappedStore:
    """Does what the sound store does, and remembers what was asked of it."""

    def __init__(self, sound: Store) -> None:
        self.sound = sound
        self.acts: list[tuple[str, StoreKey]] = []

    @property
    def created(self) -> list[StoreKey]:
        """The keys it was asked to create, in that order."""
        return [key for act, key in self.acts if act == "create"]

    @property
    def opened(self) -> list[StoreKey]:
        """The keys that were opened, in that order."""
        return [key for act, key in self.acts if act == "open"]

    @property
    def name(self) -> StoreName:
        return self.sound.name

    @property
    def place(self) -> StorePlace:
        return self.sound.place

    @property
    def portable(self) -> bool:
        return False

    @property
    def name_rules(self) -> NameRules:
        return self.sound.name_rules

    def create(self, deposits: Iterable[Deposit]) -> None:
        self.sound.create(self._remembered(deposits))

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        self.acts.append(("open", key))
        return self.sound.open(key)

    def stat(self, key: StoreKey) -> KeptFile:
        return self.sound.stat(key)

    def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
        return self.sound.list(prefix)

    def location(self, prefix: StoreKey) -> str:
        return self.sound.location(prefix)

    def check(self) -> None:
        self.sound.check()

    def probe(self) -> str:
        return self.sound.probe()

    def _remembered(self, deposits: Iterable[Deposit]) -> Iterator[Deposit]:
        for deposit in deposits:
            self.acts.append(("create", deposit.key))
            yield deposit


class AlteringStore(WrappedStore):
    """Gives other bytes for the chosen keys than it was given: what rests there is not what was sent."""

    def __init__(self, sound: Store, chosen: Chosen, alter: Callable[[bytes], bytes]) -> None:
        super().__init__(sound)
        self.chosen = chosen
        self.alter = alter

    @contextmanager
    def open(self, key: StoreKey) -> Iterator[ByteStream]:
        with super().open(key) as stream:
            yield io.BytesIO(self.alter(whole(stream))) if self.chosen(key) else stream


def flipping(sound: Store, chosen: Chosen) -> AlteringStore:
    """Return a store that flips one bit in the middle of each chosen file."""
    return AlteringStore(sound, chosen, _flipped)


def truncating(sound: Store, chosen: Chosen) -> AlteringStore:
    """Return a store that loses the last byte of each chosen file."""
    return AlteringStore(sound, chosen, lambda content: content[:-1])


class LyingStore(WrappedStore):
    """Says that the chosen keys were created, and creates nothing."""

    def __init__(self, sound: Store, chosen: Chosen) -> None:
        super().__init__(sound)
        self.chosen = chosen

    def create(self, deposits: Iterable[Deposit]) -> None:
        self.sound.create(deposit for deposit in self._remembered(deposits) if not self.chosen(deposit.key))


class FailingStore(WrappedStore):
    """Fails to create the first ``times`` times it is asked to, with the given error."""

    def __init__(self, sound: Store, times: int, error: PreservationError) -> None:
        super().__init__(sound)
        self.times = times
        self.error = error

    def create(self, deposits: Iterable[Deposit]) -> None:
        if self.times > 0:
            self.times -= 1
            raise self.error
        super().create(deposits)


class FullStore(WrappedStore):
    """Has room for ``room`` more files."""

    def __init__(self, sound: Store, room: int) -> None:
        super().__init__(sound)
        self.room = room

    def create(self, deposits: Iterable[Deposit]) -> None:
        for deposit in self._remembered(deposits):
            if self.room == 0:
                raise StoreFullError(f"store {self.name}: no room for {deposit.key}; make room")
            self.room -= 1
            self.sound.create([deposit])


class VanishingStore(WrappedStore):
    """Answers ``answers`` more readings, then is gone."""

    def __init__(self, sound: Store, answers: int) -> None:
        super().__init__(sound)
        self.answers = answers

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        if self.answers == 0:
            raise UnavailableError(f"store {self.name}: does not answer; try again")
        self.answers -= 1
        return super().open(key)


class UnreadableStore(WrappedStore):
    """Breaks off in the midst of reading the chosen keys, as a failing disk does."""

    def __init__(self, sound: Store, chosen: Chosen) -> None:
        super().__init__(sound)
        self.chosen = chosen

    @contextmanager
    def open(self, key: StoreKey) -> Iterator[ByteStream]:
        with super().open(key) as stream:
            yield _BrokenStream() if self.chosen(key) else stream


class _BrokenStream:
    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # noqa: ARG002  never gets so far
        raise OSError(5, "Input/output error")


def whole(stream: ByteStream) -> bytes:
    """Read a stream to its end."""
    content = bytearray()
    window = bytearray(1 << 16)
    while count := stream.readinto(window):
        content += window[:count]
    return bytes(content)


def _flipped(content: bytes) -> bytes:
    altered = bytearray(content)
    altered[len(altered) // 2] ^= 1
    return bytes(altered)
