"""The names that a drop has, to be found where a list writes them in another case or with other accents."""

from pathlib import Path

from preservation.long_paths import entries_of
from preservation.model.paths import RelativePath, folded


class DropNames:
    """The paths of the files below a root without differences of case and accents.

    They are read once, when a name is first looked for in vain; memory then holds each of them.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_folded: dict[str, RelativePath | None] | None = None

    def like(self, path: str) -> RelativePath | None:
        """Return the one file whose path differs at most so, ``None`` where there is none, or several."""
        if self._by_folded is None:
            self._by_folded = self._read()
        return self._by_folded.get(folded(path))

    def _read(self) -> dict[str, RelativePath | None]:
        by_folded: dict[str, RelativePath | None] = {}
        for folder, entry in entries_of(self._root):
            if isinstance(entry, OSError) or entry.is_dir(follow_symlinks=False):
                continue
            path = RelativePath(f"{folder}{entry.name}")
            key = folded(path)
            by_folded[key] = None if key in by_folded else path
        return by_folded
