"""What in an inbox is a drop, and what is passed over, with the reason."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from preservation.errors import UnavailableError
from preservation.files.beneath import LIST_FOLDER, opened, without_links_above
from preservation.manifests.names import sidecar_name
from preservation.model.identifiers import object_name
from preservation.model.paths import RelativePath, path_order, printable
from preservation.settling.loose_pages import loose_files
from preservation.settling.terms import SettlingTerms

_NEVER: Final = frozenset({
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "lost+found",
    "network trash folder", "temporary items", "__macosx", "@eadir", "#recycle", "#snapshot",
})  # fmt: skip
"""What operating systems and network disks put into every folder of theirs, in lower case."""


class PassedOverFor(StrEnum):
    """Why an entry of an inbox is no drop."""

    HIDDEN = "hidden"
    JUNK = "junk"
    TEMPORARY = "temporary"
    SENTINEL = "sentinel"
    SIDECAR = "sidecar"
    STRAY = "stray"
    LOOSE = "loose"
    UNNAMEABLE = "unnameable"
    UNREACHABLE = "unreachable"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop, complete or not. ``groups`` are the folders between the collection's inbox and it."""

    path: Path
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An entry that is no drop. It stays where it is; ``sentence`` says why, and what can be done."""

    path: Path
    reason: PassedOverFor
    sentence: str


InboxEntry: TypeAlias = Drop | PassedOver

Listed: TypeAlias = list[tuple[str, bool]]
"""The names in a folder, in ``path_order``, each with whether it is a folder."""


def drops_in(inbox: Path, terms: SettlingTerms) -> Iterator[InboxEntry]:
    """Give what lies in the inbox of a collection, in ``path_order``, groups before what is in them.

    A drop is a folder, a file, or a link or device, which intake will refuse with a receipt. Raises
    ``UnavailableError`` where the inbox cannot be listed; a group that vanishes is no fault.
    """
    try:
        names = listed(inbox)
    except OSError as error:
        raise UnavailableError(
            f"The inbox {printable(str(inbox))} cannot be listed ({error.strerror}); "
            "see that it is there, that its share is mounted, and that it may be read."
        ) from error
    yield from drops_among(names, inbox, terms, listed)


def drops_among(
    names: Listed,
    folder: Path,
    terms: SettlingTerms,
    below: Callable[[Path], Listed],
    groups: tuple[str, ...] = (),
) -> Iterator[InboxEntry]:
    """Give what the names in ``folder`` are; ``below`` lists the folders in it, and may raise ``OSError``."""
    there = dict(names)
    of_one_file = {
        name: passed_over
        for name, is_folder in (names if len(groups) == terms.grouping else ())
        if not is_folder and (passed_over := _sidecar(folder / name, there)) is not None
    }
    loose = _loose_among(names, folder, there, of_one_file, terms) if len(groups) == terms.grouping else {}
    for name, is_folder in names:
        path = folder / name
        passed_over = _passed_over(path, there, terms)
        if passed_over is not None:
            yield passed_over
        elif not is_folder and name in loose:
            # One entry stands for all that are held together.
            if (held := loose[name]) is not None:
                yield held
        elif len(groups) == terms.grouping:
            yield of_one_file.get(name) or _drop(path, groups)
        elif is_folder:
            try:
                deeper = below(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                sentence = f"it cannot be listed ({error.strerror}); see to its permissions"
                yield PassedOver(path, PassedOverFor.STRAY, sentence)
                continue
            yield from drops_among(deeper, path, terms, below, (*groups, name))
        else:
            sentence = "it lies above the folders in which this policy expects drops; move it down into one"
            yield PassedOver(path, PassedOverFor.STRAY, sentence)


def listed(folder: Path) -> Listed:
    """Return what is in a folder, which is no link. Raises ``OSError``."""
    place = os.fspath(without_links_above(folder))
    with opened(place, LIST_FOLDER) as descriptor, os.scandir(descriptor) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    return sorted(names, key=lambda entry: path_order(entry[0]))


def _passed_over(path: Path, there: Collection[str], terms: SettlingTerms) -> PassedOver | None:
    name = path.name
    if terms.junk.matches("", name) or name.lower() in _NEVER:
        return PassedOver(path, PassedOverFor.JUNK, "it is a name of files that are not meant to be kept")
    if terms.temporary.matches("", name):
        sentence = "it is a name of files that are still being written; a finished copy gets its own name"
        return PassedOver(path, PassedOverFor.TEMPORARY, sentence)
    for ending in terms.sentinels_beside:
        about = name.removesuffix(ending)
        if name == about:
            continue
        sentence = f"it shows that {printable(about)} is complete"
        if about not in there:
            sentence += ", which is not here; take it away, or it will show it too early"
        return PassedOver(path, PassedOverFor.SENTINEL, sentence)
    if name.startswith("."):
        return PassedOver(path, PassedOverFor.HIDDEN, "its name begins with a dot, so it is hidden")
    return None


def _sidecar(path: Path, there: Mapping[str, bool]) -> PassedOver | None:
    """Return why a file is no drop that is named as the manifest of another; ``None`` where it is not.

    ``there`` has the names in its folder, each with whether it is a folder.
    """
    about = sidecar_name(RelativePath(path.name))
    if not about:
        return None
    sentence = f"it is named as the manifest of {printable(about)}, and is taken with it"
    if there.get(about):
        sentence = (
            f"it is named as the manifest of the folder {printable(about)}, and nothing is compared with it "
            "here; put it into that folder"
        )
    elif about not in there:
        sentence = (
            f"it is named as the manifest of {printable(about)}, which is not here: nothing was compared "
            "with it; put it beside that file, or into the folder of the drop"
        )
    return PassedOver(path, PassedOverFor.SIDECAR, sentence)


def _loose_among(
    names: Listed, folder: Path, there: Collection[str], but: Collection[str], terms: SettlingTerms
) -> dict[str, PassedOver | None]:
    """Return the files that are held, ``but`` some; the first of each group with the reason."""
    if not terms.holds_loose_pages:
        return {}
    files = [name for name, is_folder in names if not is_folder and name not in but]
    own = [name for name in files if _passed_over(folder / name, there, terms) is None]
    held: dict[str, PassedOver | None] = {}
    for loose in loose_files(own, there, terms):
        first, *others = loose.names
        held[first] = PassedOver(folder / first, PassedOverFor.LOOSE, loose.sentence)
        held |= dict.fromkeys(others)
    return held


def _drop(path: Path, groups: tuple[str, ...]) -> InboxEntry:
    try:
        object_name(path.name)
    except ValueError as error:
        return PassedOver(path, PassedOverFor.UNNAMEABLE, f"{error}; give it another name")
    return Drop(path, groups)
