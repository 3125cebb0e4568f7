"""The newest signed head is time-stamped; stores and installation get the tokens that they lack."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from flows.archive.time_stamp_authority import ask
from flows.installation.disk_faults import translated_faults
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.wiring import Installation
from preservation.errors import ConfigurationError, UnavailableError
from preservation.files.lock import FOLDER, locked
from preservation.model.amounts import count
from preservation.model.identifiers import StoreName
from storage.journal.copies import sealed_file
from storage.journal.findings import NotCompared
from storage.journal.sealing import give
from storage.journal.segments import Segment, segments
from storage.journal.store_folder import StoreFolder, read_folder
from storage.journal.time_stamps import TimeStamp, TrustedRoots, authority_name, load_roots
from storage.journal.tokens import (
    CheckedToken,
    CheckedTokens,
    KeptToken,
    check_tokens,
    keep_token,
    lacking,
    token_key,
    token_name,
    tokens_in_folder,
    tokens_in_store,
)
from storage.ports.stores import Store

OURS = "the installation"
"""What the installation is called as a holder of tokens."""

AbsenceNoted: TypeAlias = Callable[[str], AbstractContextManager[None]]
"""Gives a context in which a ``StorageError`` is an absence; it takes what that is about."""

AddRepair: TypeAlias = Callable[[str, str], None]
"""Takes a holder, and what it had lost or damaged and has again."""


@dataclass(frozen=True, slots=True)
class LoadedRoots:
    """The roots that are trusted for each authority by its URL, and why those of others are not known."""

    trusted: Mapping[str, TrustedRoots] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, TrustedRoots]:
        """Those that are trusted, by the authority's name in the names of files."""
        return {authority_name(url): roots for url, roots in self.trusted.items()}

    @property
    def not_compared(self) -> tuple[NotCompared, ...]:
        """The authorities whose time stamps cannot be checked."""
        return tuple(NotCompared(StoreName(""), reason, url) for url, reason in self.faults.items())


def roots_of(settings: Settings) -> LoadedRoots:
    """Read the roots of every configured authority."""
    trusted, faults = {}, {}
    for url, path in settings.time_stamp_roots.items():
        try:
            trusted[url] = load_roots(path)
        except ConfigurationError as error:
            faults[url] = str(error)
    return LoadedRoots(trusted, faults)


def stamp_newest(
    installation: Installation, stores: Iterable[Store], absence_noted: AbsenceNoted, add_repair: AddRepair
) -> tuple[TimeStamp, ...]:
    """Have each authority time-stamp the newest signed head, once, and give the tokens away.

    Every token that is kept anywhere and holds is given to each of ``stores``, and to the installation, where
    it is not there or is damaged; nothing is overwritten. Returns the time stamps of the newest head.
    """
    settings, sealed = installation.settings, segments(installation.journal)
    stamps: tuple[TimeStamp, ...] = ()
    if not settings.time_stamp_roots or not sealed:
        return stamps
    with absence_noted("the newest signed head is not time-stamped"), translated_faults(settings):
        settings.time_stamps.mkdir(exist_ok=True)
        # One process at a time, so that an authority is asked once.
        with locked(settings.time_stamps, flags=FOLDER):
            stamps = _stamped(installation, sealed, stores, absence_noted, add_repair)
    return stamps


def _stamped(
    installation: Installation,
    sealed: tuple[Segment, ...],
    stores: Iterable[Store],
    absence_noted: AbsenceNoted,
    add_repair: AddRepair,
) -> tuple[TimeStamp, ...]:
    settings, newest = installation.settings, sealed[-1]
    roots = roots_of(settings)
    held = list(tokens_in_folder(settings.time_stamps, OURS))
    folders: list[StoreFolder] = []
    for store in stores:
        with absence_noted(f"store {store.name}: it was not given time stamps"):
            folder = read_folder(store)
            held += tokens_in_store(folder)
            folders.append(folder)
    checked = check_tokens(held, [segment.signed for segment in sealed], roots.by_name)
    sound = checked.sound
    asked = _asked(newest, roots, sound, absence_noted)
    sound |= asked

    with absence_noted("the time stamps are not kept with the installation"), translated_faults(settings):
        _complete(OURS, checked, sound, asked, partial(keep_token, settings.time_stamps), add_repair)
    for folder in folders:
        with (
            absence_noted(f"store {folder.store.name}: it was not given time stamps"),
            translated_faults(settings),
            scratch_folder(settings.state, "sealing") as scratch,
        ):
            _complete(
                f"store {folder.store.name}",
                checked,
                sound,
                asked,
                partial(_give, folder, scratch),
                add_repair,
            )
    return tuple(one.stamp for one in sound.values() if one.stamp and one.signed == newest.signed)


def _asked(
    newest: Segment, roots: LoadedRoots, sound: Mapping[str, CheckedToken], absence_noted: AbsenceNoted
) -> dict[str, CheckedToken]:
    """Ask each authority of which no token of the newest head is kept."""
    asked = {}
    for url in (*roots.trusted, *roots.faults):
        name = token_name(newest, authority_name(url))
        if name in sound:
            continue
        with absence_noted("the newest signed head is not time-stamped"):
            if url in roots.faults:
                raise UnavailableError(f"no time stamp from {url}: {roots.faults[url]}")
            token, stamp = ask(url, newest.signed, roots.trusted[url])
            asked[name] = CheckedToken(KeptToken(url, name, token), newest.signed, stamp, "")
    return asked


def _give(folder: StoreFolder, scratch: Path, name: str, token: bytes) -> None:
    give(folder, sealed_file(token_key(name), [token]), scratch)


def _complete(
    holder: str,
    checked: CheckedTokens,
    sound: Mapping[str, CheckedToken],
    asked: Mapping[str, CheckedToken],
    keep: Callable[[str, bytes], None],
    add_repair: AddRepair,
) -> None:
    """Have a holder keep what it lacks; what it had to have before is a repair."""
    gone, damaged = [], []
    for name, token, is_damaged in lacking(
        [one for one in checked.tokens if one.kept.holder == holder], sound
    ):
        keep(name, token)
        if is_damaged:
            damaged.append(name)
        elif name not in asked:
            gone.append(name)
    if gone:
        add_repair(
            holder, f"lacked {count(len(gone), 'time stamp')} ({', '.join(gone[:5])}), and has them now"
        )
    if damaged:
        add_repair(
            holder,
            f"had {count(len(damaged), 'damaged time stamp')} ({', '.join(damaged[:5])}), and has sound ones "
            "beside",
        )
