"""An object that is kept already, so that a test of what comes afterwards need not keep it again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from support.archives import Archive
from support.command_runs import near
from support.flow_runs import installed


@dataclass(frozen=True)
class Letters:
    """An archive in which the object ``files/letters`` is kept, and its drop as it is now."""

    archive: Archive
    drop: Path

    def copied(self, folder: Path) -> Letters:
        """Return an archive and a drop of one's own, with the same content."""
        archive = shutil.copytree(self.archive.directory, folder / "archive")
        drop = shutil.copytree(self.drop, folder / "drops" / self.drop.name)
        return Letters(replace(self.archive, directory=archive), drop)

    def preserve(self) -> dict[str, object]:
        [told] = self.archive.preserve(self.drop, collection="files")
        return told


def keep_letters(folder: Path) -> Letters:
    """Keep three texts, as they are, as the first version of an object."""
    drop = folder / "drops" / "letters"
    (drop / "1911").mkdir(parents=True)
    (drop / "1911" / "to my brother.txt").write_text("Dear brother\n" * 50)
    (drop / "1911" / "to my sister.txt").write_text("Dear sister\n" * 50)
    (drop / "note.txt").write_text("All of it\n")
    letters = Letters(near(installed(folder / "archive")), drop)
    told = letters.preserve()
    assert told["verdict"] == "stored", told
    return letters


def make_ledger(folder: Path) -> Path:
    """Make a drop of three pages of text."""
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"page {number}.txt").write_text(f"Page {number}\n" * 1000)
    return folder
