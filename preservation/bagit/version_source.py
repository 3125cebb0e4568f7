"""A version of an object among its other versions: what ``fetch.txt`` names is read where it lies."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from preservation.bagit import codes
from preservation.bagit.fetch import FETCH_TXT, FetchEntry, parse_fetch
from preservation.bagit.folder_source import FolderSource
from preservation.bagit.manifests import decode_path
from preservation.bagit.source import Listing
from preservation.bagit.tagtext import TagText, TagTextError
from preservation.model.identifiers import VersionNumber
from preservation.model.issues import Issue
from preservation.model.locators import parse_locator
from preservation.model.paths import RelativePath

_VERSION_FOLDER = re.compile(r"v([1-9][0-9]{0,8})")


class VersionSource(FolderSource):
    """The bag in ``folder``, version ``number``, completed from the earlier ones in the folder ``beside``.

    Only plain files are taken, reached through plain folders: links are never followed.
    """

    def __init__(self, folder: Path, beside: Path, number: VersionNumber) -> None:
        super().__init__(folder)
        self._beside = beside
        self._number = number
        self._elsewhere: dict[RelativePath, str] = {}
        self._versions: list[VersionNumber] = []

    def listing(self) -> Listing:
        """List the folder, and with it what its fetch file names and earlier versions have."""
        own = super().listing()
        if FETCH_TXT not in own.files:
            return own
        for version, files in sorted(self._named(own).items()):
            there = f"{self._beside}/v{version}"
            present = {path: f"{there}/{below}" for path, below in self._present(version, files)}
            if present:
                self._versions.append(version)
                self._elsewhere |= present
        self._places += self._elsewhere.items()
        issues = own.issues if not self._elsewhere else (*own.issues, self._about_files_elsewhere())
        return Listing(own.files | self._elsewhere.keys(), own.payload_folder, issues, own.whole)

    def _named(self, own: Listing) -> dict[VersionNumber, dict[RelativePath, RelativePath]]:
        """Return, by earlier version, what the fetch file names that is not here: its path, and there."""
        named: dict[VersionNumber, dict[RelativePath, RelativePath]] = {}
        try:
            with self.open_tag_file(FETCH_TXT) as stream:
                text = TagText(stream, "utf-8")
                for line in parse_fetch(text):
                    locator = parse_locator(line.url) if isinstance(line, FetchEntry) else None
                    if not isinstance(line, FetchEntry) or locator is None:
                        continue
                    path, version = RelativePath(decode_path(line.path)), locator.package.version
                    if path not in own.files and version < self._number:
                        named.setdefault(version, {})[path] = RelativePath(locator.path)
        except (OSError, TagTextError):
            # The rules report what is wrong with it when they read the tag files.
            return {}
        return named

    def _present(
        self, version: VersionNumber, files: Mapping[RelativePath, RelativePath]
    ) -> Iterator[tuple[RelativePath, RelativePath]]:
        there = FolderSource(self._beside / f"v{version}").listing().files
        yield from ((path, below) for path, below in files.items() if below in there)

    def _about_files_elsewhere(self) -> Issue:
        return codes.info(
            codes.FILES_IN_EARLIER_VERSIONS,
            f"{len(self._elsewhere):,} files that fetch.txt names were read where they lie, beside this "
            f"bag in {', '.join(f'v{version}' for version in self._versions)}.",
            FETCH_TXT,
        )


def version_number_of(folder: Path) -> VersionNumber | None:
    """Return the number in the name of a version's folder, or ``None`` where it has another name."""
    match = _VERSION_FOLDER.fullmatch(folder.name)
    return None if match is None else VersionNumber(int(match[1]))
