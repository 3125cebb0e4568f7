"""The tokens of time stamps that are kept: in every store, with the installation, in an export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from typing import Final

from preservation.errors import AlreadyExistsError, IntegrityError, UnavailableError
from preservation.files.durable import sync_folder
from preservation.model import amounts
from preservation.model.paths import StoreKey
from storage.journal.exported import FOLDER, TOKEN_SUFFIX
from storage.journal.findings import FindingKind, JournalFinding, named
from storage.journal.keys import create_whole
from storage.journal.segments import Segment
from storage.journal.store_folder import StoreFolder
from storage.journal.time_stamps import LARGEST_TOKEN, TimeStamp, TrustedRoots, is_about, verified
from storage.ports.journal import SignedHead

EARLIER: Final = timedelta(minutes=10)
"""So much before its head says to have been signed may a time stamp be: two clocks differ."""

LATER: Final = timedelta(days=2)
"""So long after it may it be: time stamps are asked for once a day, and an authority may be away."""

_NAME = re.compile(r"[0-9]{9,18}-[0-9]{9,18}\.tsa-[0-9a-f]{16}(\.[0-9]+)?\.tsr")
_PUBLIC: Final = 0o644


@dataclass(frozen=True, slots=True)
class KeptToken:
    """What is kept as a token: ``holder`` keeps it, for people, in a file ``name``.

    ``token`` is the reason where it cannot be read.
    """

    holder: str
    name: str
    token: bytes | str

    @property
    def span(self) -> str:
        """What the name of its head's file begins with: the first and the last entry of the segment."""
        return self.name.split(".")[0]

    @property
    def entry(self) -> int:
        """The entry whose signed head it is of."""
        return int(self.span.partition("-")[2])

    @property
    def authority(self) -> str:
        """The name of the authority that gave it."""
        return self.name.split(".")[1]

    @property
    def first_name(self) -> str:
        """The name of the file under which it was first given."""
        return f"{self.span}.{self.authority}{TOKEN_SUFFIX}"


@dataclass(frozen=True, slots=True)
class CheckedToken:
    """A token, and the head ``signed`` that it is of, if any.

    ``stamp`` is what it says where it holds; ``fault`` why it does not; neither of them: it was not checked.
    """

    kept: KeptToken
    signed: SignedHead | None
    stamp: TimeStamp | None
    fault: str


@dataclass(frozen=True, slots=True)
class CheckedTokens:
    """All tokens that were looked at. Those of one name are copies: one that holds is enough."""

    tokens: tuple[CheckedToken, ...] = ()

    @property
    def sound(self) -> dict[str, CheckedToken]:
        """One that holds of each name."""
        return {one.kept.first_name: one for one in reversed(self.tokens) if one.stamp is not None}

    @property
    def best(self) -> dict[str, CheckedToken]:
        """One of each name: one that holds, else one that was not checked, else any that can be read."""
        ordered = sorted(self.tokens, key=lambda one: (one.stamp is not None, not one.fault))
        return {one.kept.first_name: one for one in ordered if isinstance(one.kept.token, bytes)}

    @property
    def unchecked(self) -> int:
        """How many could not be checked, of those of which no copy holds."""
        return sum(one.stamp is None and not one.fault for one in self.best.values())

    @property
    def newest(self) -> TimeStamp | None:
        """What the newest one says: of the last entry, the first time."""
        stamps = [one.stamp for one in self.tokens if one.stamp is not None]
        return min(stamps, key=lambda stamp: (-stamp.signed.head.seq, stamp.at), default=None)

    @property
    def findings(self) -> tuple[JournalFinding, ...]:
        """What a holder keeps of which no copy of its own holds."""
        copies: dict[tuple[str, str], list[CheckedToken]] = {}
        for one in self.tokens:
            copies.setdefault((one.kept.holder, one.kept.first_name), []).append(one)
        return named(
            JournalFinding(
                FindingKind.TIME_STAMP,
                f"{holder}: {name}",
                f"{holder}, {name}: this time stamp does not hold for its signed head: {same[0].fault}; "
                "find out what changed it, or the head; sealing gives it again where a sound one is kept "
                "elsewhere (muniment journal seal)",
            )
            for (holder, name), same in copies.items()
            if all(one.fault for one in same)
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for a person: what was not checked, and whose time contradicts its head's."""
        stamps = [one.stamp for one in self.sound.values() if one.stamp is not None]
        before = [stamp for stamp in stamps if stamp.at < stamp.signed.at - EARLIER]
        after = [stamp for stamp in stamps if stamp.at > stamp.signed.at + LATER]
        notes = []
        if self.unchecked:
            notes.append(
                f"{amounts.count(self.unchecked, 'time stamp')} NOT checked: the roots of that authority are "
                "not configured ([[witness.authority]]); openssl ts -verify checks it too."
            )
        if before:
            cause = "A clock was wrong, or the head was dated later than it was made."
            notes.append(f"{_dated(before, 'before')} {cause}")
        if after:
            notes.append(
                f"{_dated(after, 'long after')} The authority was away, a clock was wrong, or the head was "
                "dated earlier than it was made; another vouches for the time of the time stamp alone."
            )
        return tuple(notes)


def _dated(stamps: Sequence[TimeStamp], words: str) -> str:
    first = min(stamps, key=lambda stamp: stamp.signed.head.seq)
    return (
        f"{amounts.count(len(stamps), 'time stamp')} {words} the time at which the head says to have been "
        f"signed, the first of entry {first.signed.head.seq}: signed {first.signed.at:%Y-%m-%d %H:%M:%S}, "
        f"stamped {first.at:%Y-%m-%d %H:%M:%S} UTC."
    )


def token_name(segment: Segment, authority: str) -> str:
    """Return the name of the file of the token that ``authority`` gave for the head of a segment."""
    return f"{segment.head_key.removeprefix(f'{FOLDER}/').partition('.')[0]}.{authority}{TOKEN_SUFFIX}"


def check_tokens(
    tokens: Iterable[KeptToken], heads: Iterable[SignedHead], authorities: Mapping[str, TrustedRoots]
) -> CheckedTokens:
    """Check every token against the head of its entry and the roots that are trusted, by authority.

    One that leads to none of them is a fault where the roots of its authority are among them, and else could
    not be checked. ``heads`` must be genuine.
    """
    by_entry: dict[int, list[SignedHead]] = {}
    for signed in heads:
        by_entry.setdefault(signed.head.seq, []).append(signed)
    known: dict[tuple[bytes | str, str], CheckedToken] = {}
    checked = []
    for kept in tokens:
        same = known.get((kept.token, kept.first_name))
        found = same or _checked(kept, by_entry.get(kept.entry, []), authorities)
        known[kept.token, kept.first_name] = found
        checked.append(CheckedToken(kept, found.signed, found.stamp, found.fault))
    return CheckedTokens(tuple(checked))


def _checked(
    kept: KeptToken, heads: Sequence[SignedHead], authorities: Mapping[str, TrustedRoots]
) -> CheckedToken:
    token = kept.token
    if isinstance(token, str):
        return CheckedToken(kept, None, None, token)
    try:
        signed = next((one for one in heads if is_about(token, one)), None)
    except ValueError as reason:
        return CheckedToken(kept, None, None, str(reason))
    if signed is None:
        of_head = f"signed head of entry {kept.entry}"
        fault = f"it is of other bytes than the {of_head}" if heads else f"there is no {of_head}"
        return CheckedToken(kept, None, None, fault)
    try:
        return CheckedToken(kept, signed, verified(token, signed, authorities.values()), "")
    except ValueError as reason:
        return CheckedToken(kept, signed, None, str(reason) if kept.authority in authorities else "")


def tokens_in_store(folder: StoreFolder) -> tuple[KeptToken, ...]:
    """Return every token in a store. Raises ``StorageError``."""
    holder = f"store {folder.store.name}"
    found = []
    for key in folder.sizes:
        name = key.removeprefix(f"{FOLDER}/")
        if _NAME.fullmatch(name):
            try:
                with folder.opened(key) as file:
                    found.append(KeptToken(holder, name, file.read(LARGEST_TOKEN + 1)))
            except IntegrityError as reason:
                found.append(KeptToken(holder, name, str(reason)))
    return tuple(found)


def tokens_in_folder(folder: Path, holder: str) -> tuple[KeptToken, ...]:
    """Return every token in a folder; none where it is not there. Raises ``UnavailableError``."""
    try:
        return tuple(_read(path, holder) for path in sorted(folder.iterdir()) if _NAME.fullmatch(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise UnavailableError(
            f"{folder}: the time stamps cannot be read ({error.strerror}); let the service read them"
        ) from error


def keep_token(folder: Path, name: str, token: bytes) -> None:
    """Keep a token in a folder: under ``name``, or beside what has that name. Raises ``OSError``."""
    further = (f"{name.removesuffix(TOKEN_SUFFIX)}.{number}{TOKEN_SUFFIX}" for number in count(2))
    for free in chain([name], further):
        with suppress(AlreadyExistsError):
            create_whole(folder / free, token, _PUBLIC)
            break
    sync_folder(folder)


def lacking(
    held: Iterable[CheckedToken], sound: Mapping[str, CheckedToken]
) -> Iterator[tuple[str, bytes, bool]]:
    """Yield what a holder lacks of the tokens that hold: name, bytes, and whether it has a damaged one."""
    copies = [one.kept.first_name for one in held]
    holding = {one.kept.first_name for one in held if one.stamp is not None}
    for name, one in sound.items():
        if name not in holding and isinstance(one.kept.token, bytes):
            yield name, one.kept.token, name in copies


def token_key(name: str) -> StoreKey:
    """Return where a store keeps the token that is called ``name``."""
    return StoreKey(f"{FOLDER}/{name}")


def _read(path: Path, holder: str) -> KeptToken:
    if not path.is_file():
        return KeptToken(holder, path.name, "it is no plain file")
    with path.open("rb") as file:
        return KeptToken(holder, path.name, file.read(LARGEST_TOKEN + 1))
