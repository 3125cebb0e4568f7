"""Files that appear under their names only when they are whole, and survive a power cut where they must."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written_whole(path: Path, *, durable: bool = True, suffix: str = "part") -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the name ``path``, from another file too, when all went well.

    Args:
        path: The name that the file gets at the end of the context, in one step.
        durable: Whether its content is on the disk before it gets the name. Without it a power cut may
            leave an empty file: for what is made anew anyway. The name itself: ``sync_folder``.
        suffix: What is added to the name until then. Where several processes may write the same file at
            once, each needs its own.

    Raises:
        OSError: It cannot be written. What was written remains beside it, and the next writing replaces it.
    """
    partial = path.with_name(f"{path.name}.{suffix}")
    with partial.open("wb") as sink:
        yield sink
        if durable:
            _sync(sink)
    partial.replace(path)


def create_durably(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Create a file that is on the disk on return; where that fails, nothing of it stays.

    Raises ``FileExistsError`` where something has the name, or another ``OSError``.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(content)
            _sync(sink)
    except OSError:
        path.unlink()
        raise


@contextmanager
def opened_folder(folder: Path) -> Iterator[int]:
    """Open a folder for calls that take the descriptor of one. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make durable which names are in a folder. Raises ``OSError``."""
    with opened_folder(folder) as descriptor:
        os.fsync(descriptor)


def _sync(sink: BinaryIO) -> None:
    sink.flush()
    os.fsync(sink.fileno())
