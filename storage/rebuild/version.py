"""A kept version as its bag states it: its files, what they amount to, who brought it, by which policy."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Final

from preservation.bagit.baginfo import parse_payload_oxum
from preservation.bagit.manifests import manifest_line
from preservation.fixity.digesting import digest_stream
from preservation.model.amounts import OnProgress
from preservation.model.decisions import PolicyReference
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import SubmissionId
from preservation.model.layout import BY_PREFERENCE, ORIGINALS, commit, original_at, submitted_tag_file
from preservation.model.locators import Locator
from preservation.model.paths import BagPath, RelativePath, StoreKey, printable
from preservation.premis.reading import NoRecordError
from preservation.premis.recorded_files import recorded_files
from storage.ports.catalogue import CatalogueFile
from storage.ports.stores import unwatched
from storage.readback import PromisedFile
from storage.rebuild.lists import VersionLists

_POLICY: Final = re.compile(r"(.+) revision ([0-9]{1,9}) \(sha256 ([0-9a-f]{64})\)")
_SUBMISSION: Final = re.compile(r"[0-9a-f]{1,64}")
_SUBMITTED: Final = submitted_tag_file(RelativePath("-")).removesuffix("-")


@dataclass(frozen=True, slots=True)
class StatedVersion:
    """What the bag of a version states of it: ``files`` and ``bytes`` are those of its originals."""

    submission: SubmissionId
    policy: PolicyReference
    fingerprint: HexDigest
    files: int
    bytes: int


def stated_version(lists: VersionLists, progress: OnProgress = unwatched) -> StatedVersion:
    """Read all that a version's lists state, once through, and hold each against the others.

    ``progress`` is called with each file that is listed. Raises ``IntegrityError`` where they do not
    fit together.
    """
    policy = _POLICY.fullmatch(lists.info.get("Muniment-Policy", ""))
    submission = lists.info.get("Internal-Sender-Identifier", "")
    if policy is None or _SUBMISSION.fullmatch(submission) is None:
        raise lists.damaged("its bag-info.txt names no policy or no submission of Muniment")
    fingerprint = hashlib.sha256()
    files = size = payload_files = payload_bytes = 0
    for file in files_of(lists):
        progress(1, 0)
        payload_files += 1
        payload_bytes += file.size
        original = original_at(file.path)
        if original is not None:
            files += 1
            size += file.size
            fingerprint.update(_line(file.size, _sha256_of(lists, file), BagPath(original)))
    oxum = parse_payload_oxum(lists.info.get("Payload-Oxum", ""))
    if oxum != (payload_bytes, payload_files):
        raise lists.damaged(f"its Payload-Oxum is not {payload_bytes}.{payload_files}, as its PREMIS has it")
    for length, digest, path in _submitted(lists):
        fingerprint.update(_line(length, digest, path))
    return StatedVersion(
        SubmissionId(submission),
        PolicyReference(policy[1], int(policy[2]), HexDigest(policy[3])),
        HexDigest(fingerprint.hexdigest()),
        files,
        size,
    )


def files_of(lists: VersionLists) -> Iterator[CatalogueFile]:
    """Yield the files of the payload as they were registered: each original, then what was made of it.

    The record has their sizes and formats, the manifests vouch for their digests: a manifest has all
    originals, then all derivatives, so that two readings of it keep pace with the record. Raises
    ``IntegrityError`` where the two do not have the same files.
    """
    listed = {
        algorithm: (_listed(lists, algorithm, originals=True), _listed(lists, algorithm, originals=False))
        for algorithm in lists.algorithms
    }
    try:
        with lists.premis() as record:
            for file in recorded_files(record):
                digests = dict(file.digests)
                for algorithm, (originals, others) in listed.items():
                    found = next(originals if file.path.startswith(ORIGINALS) else others, None)
                    if found is None or found != (file.path, digests.get(algorithm, found[1])):
                        raise lists.damaged(
                            f"{printable(file.path)} stands otherwise in its PREMIS than in its manifests"
                        )
                    digests[algorithm] = found[1]
                yield CatalogueFile(file.path, file.size, digests, file.puid)
    except NoRecordError as error:
        raise lists.damaged(f"its PREMIS cannot be read: {error}") from error
    left = next(chain.from_iterable(chain.from_iterable(listed.values())), None)
    if left is not None:
        raise lists.damaged(f"its PREMIS lacks {printable(left[0])}, which its manifests have")


def promised_files(lists: VersionLists) -> Iterator[PromisedFile]:
    """Yield what must lie in the version's own folder: its tag files, then its payload, one by one."""
    for tag in lists.tag_digests:
        yield PromisedFile(Locator(lists.package, tag.path).key, None, tag.digests)
    tags_by = next(name for name in BY_PREFERENCE if commit(name) in lists.copies)
    for path, digest in lists.tags(tags_by):
        yield PromisedFile(Locator(lists.package, path).key, None, {tags_by: digest})
    by = lists.algorithms[0]
    elsewhere = lists.fetched()
    fetched = next(elsewhere, None)
    for path, digest in lists.payload(by):
        if path == fetched:
            fetched = next(elsewhere, None)
        else:
            yield PromisedFile(Locator(lists.package, path).key, None, {by: digest})
    if fetched is not None:
        raise lists.damaged(f"fetch.txt names {printable(fetched)} where its manifest does not")


def _listed(
    lists: VersionLists, algorithm: Algorithm, *, originals: bool
) -> Iterator[tuple[BagPath, HexDigest]]:
    return (entry for entry in lists.payload(algorithm) if entry[0].startswith(ORIGINALS) is originals)


def _sha256_of(lists: VersionLists, file: CatalogueFile) -> HexDigest:
    digest = file.digests.get(Algorithm.SHA256)
    if digest is None:
        raise lists.damaged(f"nothing in it has the SHA-256 of {printable(file.path)}")
    return digest


def _line(size: int, digest: HexDigest, path: BagPath) -> bytes:
    return b"%d %s" % (size, manifest_line(digest, path))


def _submitted(lists: VersionLists) -> Iterator[tuple[int, HexDigest, BagPath]]:
    """Yield the tag files of a submitted bag, with size and SHA-256, in the order of their paths."""
    algorithm = next(name for name in BY_PREFERENCE if commit(name) in lists.copies)
    tags = (entry for entry in lists.tags(algorithm) if entry[0].startswith(_SUBMITTED))
    folder = StoreKey(Locator(lists.package, BagPath(_SUBMITTED)).key.rstrip("/"))
    first = next(tags, None)
    if first is None:
        return
    for tag, kept in zip_longest(chain([first], tags), lists.store.list(folder)):
        key = None if tag is None else Locator(lists.package, tag[0]).key
        if tag is None or kept is None or kept.key != key:
            raise lists.damaged("the tag files of the submitted bag are not those that it lists")
        if algorithm is Algorithm.SHA256:
            yield kept.size, tag[1], tag[0]
            continue
        try:
            with lists.store.open(kept.key) as stream:
                size, digests = digest_stream(stream, (Algorithm.SHA256,))
        except OSError as error:
            raise lists.damaged(f"{printable(tag[0])} cannot be read ({error.strerror or error})") from error
        yield size, digests[Algorithm.SHA256], tag[0]
