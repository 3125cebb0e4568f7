"""The catalogue's values as rows, and back."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, select

from preservation.model.decisions import PolicyReference
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.formats import Puid
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    ObjectName,
    PackageId,
    StoreName,
    SubmissionId,
    VersionNumber,
)
from preservation.model.packages import Replica
from preservation.model.paths import BagPath
from preservation.model.submissions import Submission
from preservation.model.tag_digests import TagDigest
from preservation.model.verdicts import Verdict
from storage.database import tables
from storage.ports.catalogue import CatalogueFile, Conclusion, Registration


def registered_versions() -> Select[Any]:
    """Return the query for rows from which ``registration`` is made."""
    packages, versions = tables.packages, tables.versions
    of_version = [column for column in versions.c if column is not versions.c.id]
    return select(packages, *of_version).join_from(packages, versions)


def package_of(row: Row[Any]) -> PackageId:
    """Return the version that a row is about."""
    return PackageId(_object_of(row), VersionNumber(row.number))


def registration(
    row: Row[Any], replicas: tuple[Replica, ...], tag_digests: tuple[TagDigest, ...]
) -> Registration:
    """Return a row of ``registered_versions`` as a value."""
    return Registration(
        package=package_of(row),
        submission=SubmissionId(row.submission),
        fingerprint=HexDigest(row.fingerprint),
        policy=PolicyReference(row.policy_name, row.policy_revision, HexDigest(row.policy_digest)),
        registered_at=row.registered_at,
        files=row.files,
        bytes=row.bytes,
        replicas=replicas,
        tag_digests=tag_digests,
    )


def version_row(package: PackageId, submission: SubmissionId, fingerprint: HexDigest) -> dict[str, object]:
    """Return the row that takes a version number."""
    return {
        "collection": package.object.collection,
        "name": package.object.name,
        "number": package.version,
        "submission": submission,
        "fingerprint": fingerprint,
    }


def package_row(registered: Registration, version_id: int) -> dict[str, object]:
    """Return the row of a version that is kept."""
    return {
        "version_id": version_id,
        "policy_name": registered.policy.name,
        "policy_revision": registered.policy.revision,
        "policy_digest": registered.policy.digest,
        "registered_at": registered.registered_at,
        "files": registered.files,
        "bytes": registered.bytes,
    }


def replica(row: Row[Any]) -> Replica:
    """Return a row of ``replicas`` as a value."""
    return Replica(StoreName(row.store), row.location, row.verified_at, row.files, row.bytes)


def replica_row(kept: Replica, package_id: int) -> dict[str, object]:
    """Return the row of a replica."""
    return {"package_id": package_id, **asdict(kept)}


def reading_row(
    replica: Replica, package_id: int, collection: CollectionName, files_before: int
) -> dict[str, object]:
    """Return the row of a replica that was read for the first time, when it was written."""
    return {
        "package_id": package_id,
        "store": replica.store,
        "collection": collection,
        "files": replica.files,
        "bytes": replica.bytes,
        "files_before": files_before,
        "read_at": replica.verified_at,
    }


def tag_digests(found: Iterable[Row[Any]]) -> tuple[TagDigest, ...]:
    """Return rows of ``tag_digests`` as values.

    One that was altered beyond recognition counts as none: the journal has what it was.
    """
    algorithms = {algorithm.value: algorithm for algorithm in Algorithm}
    return tuple(
        sorted(
            TagDigest(BagPath(row.path), algorithms[row.algorithm], HexDigest(row.digest))
            for row in found
            if row.algorithm in algorithms
        )
    )


def tag_digest_row(recorded: TagDigest, package_id: int) -> dict[str, object]:
    """Return the row of the digest of a tag manifest."""
    return {
        "package_id": package_id,
        "path": recorded.path,
        "algorithm": recorded.algorithm.value,
        "digest": recorded.digest,
    }


def catalogue_file(row: Row[Any]) -> CatalogueFile:
    """Return a row of ``files`` as a value."""
    digests = {
        algorithm: HexDigest(digest)
        for algorithm in Algorithm
        if (digest := getattr(row, algorithm.value)) is not None
    }
    return CatalogueFile(BagPath(row.path), row.size, digests, None if row.puid is None else Puid(row.puid))


def file_row(file: CatalogueFile, package_id: int, position: int) -> dict[str, object]:
    """Return the row of a file, the ``position``-th of its version."""
    return {
        "package_id": package_id,
        "position": position,
        "path": file.path,
        "size": file.size,
        **{algorithm.value: file.digests.get(algorithm) for algorithm in Algorithm},
        "puid": file.puid,
    }


def conclusion(row: Row[Any]) -> Conclusion:
    """Return a row of ``submissions`` as a value."""
    submission = Submission(SubmissionId(row.identifier), _object_of(row), row.drop_path, row.received_at)
    return Conclusion(submission, Verdict(row.verdict), row.concluded_at, row.summary, row.receipt)


def conclusion_row(ended: Conclusion) -> dict[str, object]:
    """Return the row of a submission's end."""
    return {
        "identifier": ended.submission.identifier,
        "collection": ended.submission.object.collection,
        "name": ended.submission.object.name,
        "drop_path": ended.submission.drop,
        "received_at": ended.submission.received_at,
        "verdict": ended.verdict.value,
        "concluded_at": ended.concluded_at,
        "summary": ended.summary,
        "receipt": ended.receipt,
    }


def _object_of(row: Row[Any]) -> ObjectId:
    return ObjectId(CollectionName(row.collection), ObjectName(row.name))
