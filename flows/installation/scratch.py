"""Scratch folders for intermediate files; the next run removes what a killed run left."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from preservation.files.lock import FOLDER, locked
from preservation.files.tree import remove_tree


@contextmanager
def scratch_folder(parent: Path, purpose: str) -> Iterator[Path]:
    """Make a new folder below ``parent``, and remove it afterwards.

    It is locked while it is used; folders for the same ``purpose`` that are not locked are removed.
    """
    with ExitStack() as in_use:
        with locked(parent / f".{purpose}.lock", mode=0o600):
            for left in parent.glob(f"{purpose}-*"):
                # Locked, it is in use by another run; gone, that one has just ended.
                with suppress(OSError), locked(left, wait=False, flags=FOLDER) as ours:
                    if ours:
                        remove_tree(left)
            folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{purpose}-"))
            in_use.enter_context(locked(folder, flags=FOLDER))
        try:
            yield folder
        finally:
            remove_tree(folder)
