"""The rules of RFC 8493 that can be judged before a byte of a file is read.

Each takes what a bag says of itself and yields the issues that it finds.
"""

from collections.abc import Callable, Iterator

from preservation.bagit import codes
from preservation.bagit.declaration import BAGIT_TXT, CURRENT, BagItVersion
from preservation.bagit.litter import is_litter
from preservation.bagit.reading import BagContents, Manifest
from preservation.bagit.resolving import fault_of_listed_path
from preservation.bagit.source import PAYLOAD
from preservation.model.amounts import count
from preservation.model.issues import Issue
from preservation.model.locators import parse_locator
from preservation.model.paths import RelativePath, folded, is_utf8, quoted


def required_elements(contents: BagContents) -> Iterator[Issue]:
    """Every bag has a payload folder and a payload manifest that can be checked (sections 2.1.2 and 2.1.3).

    The bag declaration is required too; it is read, and missed, before anything else is.
    """
    if not contents.listing.payload_folder:
        yield codes.error(codes.PAYLOAD_FOLDER_MISSING, "There is no payload folder, data.")
    if not contents.payload_manifests:
        message = "There is no payload manifest, such as manifest-sha256.txt."
        yield codes.error(codes.PAYLOAD_MANIFEST_MISSING, message)
    elif not any(manifest.checkable for manifest in contents.payload_manifests):
        message = "No payload manifest is by an algorithm that can be computed here."
        yield codes.error(codes.PAYLOAD_MANIFEST_MISSING, message)


_TAG_FILES_REQUIRED = BagItVersion(0, 97)


def listed_files(contents: BagContents) -> Iterator[Issue]:
    """Every file that a manifest names is in the bag, in the part that the manifest is for (section 3).

    Before BagIt 0.97 a tag file could be absent though a tag manifest names it.
    """
    files = contents.listing.files
    absent: dict[RelativePath, list[Manifest]] = {}
    for manifest in contents.manifests:
        for path in manifest.entries.keys() - files:
            absent.setdefault(path, []).append(manifest)
    # Of a line that is not in the bag's encoding it is not known which file it means, and it was reported.
    for path in filter(is_utf8, sorted(absent)):
        yield _absent(path, absent[path], contents)
    for manifest in contents.payload_manifests:
        for path in manifest.entries:
            if not path.startswith(PAYLOAD) and path not in absent:
                message = f"{manifest.path} names {quoted(path)}, which is not in the payload folder."
                yield codes.error(codes.OUTSIDE_PAYLOAD, message, path)


def _absent(path: RelativePath, manifests: list[Manifest], contents: BagContents) -> Issue:
    named = f"{quoted(path)} is named by {', '.join(manifest.path for manifest in manifests)}"
    fault = fault_of_listed_path(path)
    if fault is not None:
        return codes.error(codes.PATH_UNSAFE, f"{named}: {fault}.", path)
    if path in contents.fetch:
        return codes.error(codes.FILE_NOT_FETCHED, f"{named}, {_to_fetch(contents.fetch[path].url)}.", path)
    of_payload = any(manifest in contents.payload_manifests for manifest in manifests)
    if of_payload and not path.startswith(PAYLOAD):
        return codes.error(codes.OUTSIDE_PAYLOAD, f"{named}, but is not in the payload folder.", path)
    optional = not of_payload and contents.declaration.version < _TAG_FILES_REQUIRED
    return codes.error_if(not optional, codes.FILE_MISSING, f"{named}, but is not in the bag.", path)


def _to_fetch(url: str) -> str:
    locator = parse_locator(url)
    if locator is None:
        return f"and must first be fetched from {url}"
    return f"lies in {locator.package} as {quoted(locator.path)}, and is not there beside this bag"


def unlisted_payload(contents: BagContents) -> Iterator[Issue]:
    """Every payload file is in every payload manifest; before BagIt 1.0, in at least one (section 3)."""
    manifests = contents.payload_manifests
    lacking: dict[RelativePath, list[str]] = {}
    for manifest in manifests:
        for path in contents.listing.files - manifest.entries.keys():
            if path.startswith(PAYLOAD):
                lacking.setdefault(path, []).append(manifest.path)
    for path in sorted(lacking):
        if len(lacking[path]) == len(manifests):
            yield codes.error(codes.FILE_UNLISTED, f"{quoted(path)} is in no payload manifest.", path)
        elif contents.declaration.version >= CURRENT:
            message = f"{quoted(path)} is not in {', '.join(lacking[path])}."
            yield codes.error(codes.FILE_UNLISTED_IN_ONE, message, path)


def tag_manifests(contents: BagContents) -> Iterator[Issue]:
    """Tag manifests name every payload manifest and no payload file or tag manifest (section 2.2.1).

    It should name all other tag files. Where there is no tag manifest, nothing is demanded.
    """
    strict = contents.declaration.version >= CURRENT
    payload_manifests = {manifest.path for manifest in contents.payload_manifests}
    tag_manifests = {manifest.path for manifest in contents.tag_manifests}
    tag_files = {path for path in contents.listing.files if not path.startswith(PAYLOAD)} - tag_manifests
    for manifest in contents.tag_manifests:
        yield from _payload_in(manifest)
        for path in sorted(tag_manifests & manifest.entries.keys()):
            message = f"{manifest.path} names {path}."
            yield codes.error_if(strict, codes.TAG_MANIFEST_IN_TAG_MANIFEST, message, path)
        for path in sorted(tag_files - manifest.entries.keys()):
            message = f"{manifest.path} does not name {quoted(path)}."
            if path in payload_manifests:
                yield codes.error_if(strict, codes.MANIFEST_UNLISTED, message, path)
            else:
                yield codes.warning(codes.TAG_FILE_UNLISTED, message, path)


def _payload_in(manifest: Manifest) -> Iterator[Issue]:
    for path in manifest.entries:
        if path.startswith(PAYLOAD):
            message = f"{manifest.path} names the payload file {quoted(path)}."
            yield codes.error(codes.PAYLOAD_IN_TAG_MANIFEST, message, path)


def fetch_file(contents: BagContents) -> Iterator[Issue]:
    """Every file in ``fetch.txt`` is a payload file that the payload manifests promise (section 2.2.3)."""
    for path in contents.fetch:
        fault = fault_of_listed_path(path)
        if fault is not None:
            yield codes.error(codes.PATH_UNSAFE, f"fetch.txt names {quoted(path)}: {fault}.", path)
        elif not path.startswith(PAYLOAD):
            message = f"fetch.txt names {quoted(path)}, which is no payload file."
            yield codes.error(codes.FETCH_UNLISTED, message, path)
        elif not _promised(path, contents):
            message = f"fetch.txt names {quoted(path)}, which is not in the payload manifests."
            yield codes.error(codes.FETCH_UNLISTED, message, path)


def fetched_length(contents: BagContents, path: RelativePath, size: int) -> Iterator[Issue]:
    """Say whether a file that was fetched has not the length, in bytes, that the fetch file gives."""
    length = contents.fetch[path].length
    if length is not None and length != size:
        message = f"fetch.txt says that {quoted(path)} has {count(length, 'byte')}; it has {size:,}."
        yield codes.warning(codes.FETCH_INEXACT, message, path)


def _promised(path: RelativePath, contents: BagContents) -> bool:
    listed = [path in manifest.entries for manifest in contents.payload_manifests]
    return all(listed) if contents.declaration.version >= CURRENT else any(listed)


def names_alike(contents: BagContents) -> Iterator[Issue]:
    """Payload names that some systems take for the same one deserve a warning (section 6.1.1)."""
    first: dict[str, RelativePath] = {}
    for path in contents.listing.files:
        other = first.setdefault(folded(path), path)
        if other != path:
            less, more = sorted((other, path))
            message = f"{quoted(more)} and {quoted(less)} are the same name on some systems."
            yield codes.warning(codes.NAMES_ALIKE, message, more)


def odd_payload(contents: BagContents) -> Iterator[Issue]:
    """Payload files that are there by mistake more often than not deserve a warning."""
    for path in contents.listing.files:
        if not path.startswith(PAYLOAD):
            continue
        if path.endswith(f"/{BAGIT_TXT}"):
            message = f"{quoted(path)} says that there is another bag in the payload."
            yield codes.warning(codes.BAG_IN_BAG, message, path)
        elif is_litter(path):
            message = f"{quoted(path)} was left there by an operating system."
            yield codes.warning(codes.SYSTEM_FILE, message, path)


STRUCTURE_RULES: tuple[Callable[[BagContents], Iterator[Issue]], ...] = (
    required_elements,
    listed_files,
    unlisted_payload,
    tag_manifests,
    fetch_file,
    names_alike,
    odd_payload,
)
"""In the order in which their issues are reported."""
