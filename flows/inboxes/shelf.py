"""A shelf: a folder of an area in which drops lie. A drop moves in one step, and never replaces another.

Users can write to some of these folders, so below an area no link is followed: it could lead anywhere.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from preservation.files.durable import opened_folder
from storage.stores.folder.linux import sync_file_system
from storage.stores.folder.move import move_without_replacing
from storage.stores.folder.tree import opened_folder as opened_below


def is_name(text: str) -> bool:
    """Return whether the text names one entry of a folder, and leads nowhere else."""
    return text not in {"", ".", ".."} and not {"/", "\0"} & set(text)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder that drops lie in: ``root`` is the installation's to choose, ``below`` are names in it."""

    root: Path
    below: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.root.joinpath(*self.below)

    def make(self) -> None:
        """Make what is missing of it. Raises ``OSError``, also where one of ``below`` is a link."""
        self.root.mkdir(parents=True, exist_ok=True)
        for depth, name in enumerate(self.below):
            with Shelf(self.root, self.below[:depth]).opened() as folder, suppress(FileExistsError):
                os.mkdir(_checked(name), dir_fd=folder)
        with self.opened():
            # Opening fails where something else has the name of a folder.
            return

    def has(self, name: str) -> bool:
        """Return whether anything has that name in it."""
        return os.path.lexists(self.path / name)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Open it. Raises ``OSError``, also where one of ``below`` is a link or not a name."""
        below = tuple(map(_checked, self.below))
        with opened_folder(self.root) as root, opened_below(root, below) as folder:
            yield folder

    def sync(self) -> None:
        """Make its entries durable. Raises ``OSError``."""
        with self.opened() as descriptor:
            os.fsync(descriptor)


def move(source: Shelf, name: str, target: Shelf, new_name: str) -> None:
    """Move ``name`` from ``source`` to the free ``new_name`` in ``target``; it is durable on return.

    Raises ``FileExistsError`` where the new name is taken, ``FileNotFoundError`` where there is no ``name``.
    """
    with source.opened() as here, target.opened() as there:
        move_without_replacing(here, _checked(name), there, _checked(new_name), guard=there)
        os.fsync(there)
        os.fsync(here)


def put(ours: Path, target: Shelf, name: str) -> None:
    """Move a file of ours to that name in ``target``, replacing what has it. Raises ``OSError``."""
    with target.opened() as there:
        os.replace(ours, _checked(name), dst_dir_fd=there)
        os.fsync(there)


def _checked(name: str) -> str:
    """Return the name. Raises ``OSError`` where it is not one: some come from files that users can write."""
    if not is_name(name):
        raise OSError(errno.EINVAL, "it is not the name of one entry of a folder", name)
    return name


def make_durable(folder: Path) -> None:
    """Make all writes to the file system of ``folder`` durable. Raises ``OSError``."""
    with Shelf(folder).opened() as descriptor:
        sync_file_system(descriptor)
