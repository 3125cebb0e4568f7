"""The names that a drop has, to be found where a list writes them in another case or with other accents."""

from collections.abc import Callable
from pathlib import Path

from preservation.long_paths import entries_of
from preservation.manifests.names import likelihood
from preservation.model.paths import RelativePath, folded


class DropNames:
    """The paths of the files below a root without differences of case and accents.

    They are read once, when a name is first looked for in vain; memory then holds each of them.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_folded: dict[str, RelativePath | None] | None = None
        self._by_stem: dict[str, RelativePath | None] | None = None

    def like(self, path: str) -> RelativePath | None:
        """Return the one file whose path differs at most so, ``None`` where there is none, or several."""
        if self._by_folded is None:
            self._by_folded = self._read(str)
        return self._by_folded.get(folded(path))

    def with_stem(self, path: str) -> RelativePath | None:
        """Return the one file, manifests aside, that is called so but for its extension."""
        if self._by_stem is None:
            self._by_stem = self._read(_stem)
        return self._by_stem.get(folded(path))

    def _read(self, part: Callable[[RelativePath], str]) -> dict[str, RelativePath | None]:
        found: dict[str, RelativePath | None] = {}
        for folder, entry in entries_of(self._root):
            if isinstance(entry, OSError) or entry.is_dir(follow_symlinks=False):
                continue
            path = RelativePath(f"{folder}{entry.name}")
            if key := folded(part(path)):
                found[key] = None if key in found else path
        return found


def _stem(path: RelativePath) -> str:
    return "" if likelihood(path) is not None else path.rpartition(".")[0]
