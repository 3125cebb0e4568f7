"""Whether everything is there that the manifests in a drop, and a bag's own figures, promise.

Only presence and, where it is promised, size: digests are compared by the survey, which reads every file.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from preservation.bagit.baginfo import MetadataElement, PayloadOxum, parse_bag_info, parse_payload_oxum
from preservation.bagit.declaration import BAGIT_TXT, Declaration
from preservation.bagit.folder_source import FolderSource
from preservation.bagit.source import PAYLOAD
from preservation.bagit.tagtext import TagText, TagTextError
from preservation.files.beneath import folder_of
from preservation.long_paths import entries_of
from preservation.manifests.drop_names import DropNames
from preservation.manifests.layouts import ListedFile
from preservation.manifests.lines import Allowance, manifest_lines
from preservation.manifests.names import Likelihood, likelihood, sidecar_name
from preservation.manifests.places import Places
from preservation.model.amounts import byte_size, count
from preservation.model.paths import RelativePath, path_order, printable

_OXUM: Final = "payload-oxum"
_LONGEST_NAME: Final = 300


def what_is_lacking(drop: Path) -> str:
    """Say what the folder ``drop`` still waits for, as in "for a manifest"; ``""`` where all is there.

    Opens manifests and a bag's tag files, and nothing else. Raises ``OSError`` where these cannot be read.
    """
    manifests = _manifests_in(drop)
    complete = False
    allowance = Allowance()
    names = DropNames(drop)
    for manifest in manifests:
        try:
            listed, lacking = _held_against(drop, manifest, allowance, names)
        except ValueError as error:
            why = "its characters are broken" if isinstance(error, UnicodeError) else printable(str(error))
            listed, lacking = 0, f"until {printable(manifest)} can be read ({why})"
        if not listed and likelihood(manifest) is not Likelihood.CERTAIN:
            continue
        if not listed and not lacking:
            lacking = f"until {printable(manifest)} names a file"
        if lacking:
            return lacking
        complete = True
    return _lacking_from_payload(drop) if complete else "for a manifest"


def _manifests_in(drop: Path) -> list[RelativePath]:
    found = [
        RelativePath(f"{folder}{entry.name}")
        for folder, entry in entries_of(drop)
        if not isinstance(entry, OSError)
        and likelihood(RelativePath(entry.name)) is not None
        and entry.is_file(follow_symlinks=False)
    ]
    return sorted(found, key=path_order)


def _held_against(
    drop: Path, manifest: RelativePath, allowance: Allowance, names: DropNames
) -> tuple[int, str]:
    """Return how many files the manifest lists, and what of it is lacking."""
    places = Places(drop, manifest, names)
    places.settle(name for name, _ in _promises(drop, manifest))
    own = sidecar_name(manifest)
    listed = missing = 0
    first = short = ""
    for name, size in _promises(drop, manifest, allowance):
        listed += 1
        place = places.named_for(name) if name == own else places.of(name)
        if place is None:
            missing += 1
            first = first or name
        elif size is not None and not short:
            short = _shortness(drop, place.path, size)
    if missing == 1:
        return listed, f"for {_cut(first)}, which {printable(manifest)} names"
    if missing:
        return listed, f"for {count(missing, 'file')} that {printable(manifest)} names, first {_cut(first)}"
    return listed, short


def _promises(
    drop: Path, manifest: RelativePath, allowance: Allowance | None = None
) -> Iterator[tuple[str, int | None]]:
    own = sidecar_name(manifest)
    for line in manifest_lines(drop, manifest, allowance):
        match line:
            case (ListedFile(name=name, size=size), *_) if name or own:
                yield name or own, size


def _cut(name: str) -> str:
    """Return a name as a sentence can hold it: a manifest can say anything."""
    return printable(name) if len(name) <= _LONGEST_NAME else f"{printable(name[:_LONGEST_NAME])} …"


def _shortness(drop: Path, path: RelativePath, promised: int) -> str:
    with folder_of(drop, path) as (folder, name):
        size = os.lstat(name, dir_fd=folder).st_size
    # What is larger than it should be will not become right by waiting.
    return (
        f"for the rest of {printable(path)}: {size:,} of {promised:,} bytes are there"
        if size < promised
        else ""
    )


def _lacking_from_payload(drop: Path) -> str:
    promised = _promised_payload(drop)
    if promised is None:
        return ""
    files = octets = 0
    for _, entry in entries_of(drop / PAYLOAD):
        if not isinstance(entry, OSError) and entry.is_file(follow_symlinks=False):
            files += 1
            octets += entry.stat(follow_symlinks=False).st_size
    if files >= promised.files and octets >= promised.octets:
        return ""
    return (
        f"for the rest of the payload: {files:,} of {count(promised.files, 'file')}, "
        f"{byte_size(octets)} of {byte_size(promised.octets)} are there"
    )


def _promised_payload(drop: Path) -> PayloadOxum | None:
    """Return the size of the payload where the drop is a bag that can be read and gives it."""
    bag = FolderSource(drop)
    try:
        if not stat.S_ISREG((drop / BAGIT_TXT).lstat().st_mode):
            return None
        with bag.open_tag_file(Declaration().metadata_file) as stream:
            text = TagText(stream, Declaration().encoding)
            elements = list(parse_bag_info(text))
    except (OSError, TagTextError):
        return None
    values = [
        element.value
        for element in elements
        if isinstance(element, MetadataElement) and element.label.lower() == _OXUM
    ]
    return parse_payload_oxum(values[0]) if len(values) == 1 else None
