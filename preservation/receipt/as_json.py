"""The receipt for machines: one JSON object, ``"version": 1``, every file in it (``docs/receipt.md``)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Final, TypeAlias

import msgspec

from preservation.model.derivatives import Derivative, RefusedDerivative
from preservation.model.difference import ChangeKind
from preservation.model.dossiers import Dossier
from preservation.model.files import IrregularEntry
from preservation.model.paths import printable
from preservation.receipt.contents import Receipt
from preservation.receipt.headline import dropped_as, headline, next_step
from preservation.receipt.summary import PassedFiles, Summary
from preservation.receipt.titles import title_of
from preservation.receipt.views import Thumbnails

_Encode: TypeAlias = Callable[[object], bytes]

_PICTURES: Final = 1 << 20
"""Bytes of the pictures in an object; beyond, faults have none."""

VERSION: Final = 1
"""Stands as ``version`` in the object; raised when a field changes its meaning or goes."""


def json_chunks(receipt: Receipt, summary: Summary) -> Iterator[bytes]:
    """Return the object in pieces, one file or change a line; no more than one is held."""
    encode = msgspec.json.Encoder(enc_hook=str).encode
    yield encode(_head(receipt, summary))[:-1]
    yield b',"compared":'
    yield from _compared(receipt, encode)
    yield b',"files":'
    yield from _lines(map(file_fields, receipt.files), encode)
    yield b"}\n"


def _head(receipt: Receipt, summary: Summary) -> dict[str, object]:
    pictures = Thumbnails(receipt.workspace, _PICTURES)
    package = receipt.package
    policy = receipt.policy
    return {
        "version": VERSION,
        "verdict": receipt.verdict,
        "headline": headline(receipt, summary),
        "sentence": receipt.sentence,
        "next_step": next_step(receipt, summary),
        "object": str(receipt.submission.object),
        "object_version": None if package is None else package.version,
        "submission": receipt.submission.identifier,
        "drop": printable(str(receipt.submission.drop)),
        "dropped_as": dropped_as(receipt),
        "started": receipt.started,
        "ended": receipt.ended,
        "policy": None
        if policy is None
        else {"name": policy.name, "revision": policy.revision, "sha256": policy.digest},
        "engines": receipt.engines,
        "title": receipt.title or None,
        "checksums": receipt.comparison if receipt.comparison.manifests else None,
        "issues": receipt.issues,
        "replicas": [
            {
                "store": placed.replica.store,
                "site": placed.site,
                "location": placed.replica.location,
                "verified_at": placed.replica.verified_at,
                "files": placed.replica.files,
                "bytes": placed.replica.bytes,
            }
            for placed in receipt.replicas
        ],
        "lacking": receipt.lacking,
        "decision": receipt.decision,
        "how_to_answer": receipt.how_to_answer,
        "contact": receipt.contact,
        "figures": {
            "found": summary.found,
            "kept": summary.kept,
            "bytes": summary.bytes,
            "derivatives": summary.derivatives,
            "proved": summary.proved,
            "access": summary.access,
            "refused": summary.refused,
            "marked": summary.marked,
        },
        "formats": summary.formats,
        "faults": [
            {
                "code": fault.code,
                "severity": fault.severity,
                "title": title_of(fault.code),
                "files": fault.files,
                "picture": pictures.of(fault.pictured) or None,
            }
            for fault in summary.faults
        ],
        "passed": _passed(summary.passed),
    }


def _passed(passed: PassedFiles) -> dict[str, object]:
    reasons = [{"reason": reason, "files": files} for reason, files in passed.unexamined]
    valid = [{"schema": schema, "files": files} for schema, files in passed.valid]
    return {**asdict(passed), "valid": valid, "unexamined": reasons}


def _compared(receipt: Receipt, encode: _Encode) -> Iterator[bytes]:
    difference = receipt.difference
    if difference is None:
        yield b"null"
        return
    head = {"object_version": difference.before.version, "originals": difference.originals}
    yield encode(head)[:-1]
    # A version of a million files may differ in each of them, so they are read once for each kind.
    for kind in ChangeKind:
        yield b"," + encode(kind.value) + b":"
        of_kind = (one for one in receipt.changes if one.kind is kind)
        yield from _lines(
            (one.path if one.before is None else (one.before, one.path) for one in of_kind), encode
        )
    yield b"}"


def _lines(values: Iterable[object], encode: _Encode) -> Iterator[bytes]:
    """Return a list in pieces, one value a line."""
    between = b"[\n"
    for value in values:
        yield between
        yield encode(value)
        between = b",\n"
    yield b"\n]" if between == b",\n" else b"[]"


def file_fields(dossier: Dossier) -> dict[str, object]:
    """Return what is known of one entry of a drop, as the receipt's JSON has it."""
    found = dossier.found
    decision = dossier.decision
    screened = dossier.screened
    fields: dict[str, object] = {"path": found.path, "kept": dossier.kept is not None}
    if isinstance(found, IrregularEntry):
        fields |= {"irregular": found.kind, "detail": found.detail}
    else:
        identification = found.identification
        fields |= {
            "size": found.size,
            "digests": found.digests,
            "puid": identification.decided,
            "format": identification.name,
            "mime": identification.mime,
            "matches": identification.matches,
            "warnings": identification.warnings,
        }
    if decision is not None:
        fields |= {"action": decision.action, "rule": decision.rule, "because": decision.because}
    if screened is not None:
        fields |= {"image": screened.image, "document": screened.document, "issues": screened.issues}
        fields["unexamined"] = screened.unexamined
        fields["valid_by"] = screened.valid_by
    if dossier.described is not None:
        fields["description"] = dossier.described.statements
    fields["derivatives"] = [_derivative(made) for made in dossier.derivatives]
    return fields


def _derivative(made: Derivative | RefusedDerivative) -> dict[str, object]:
    fields: dict[str, object] = {
        "purpose": made.purpose,
        "migration": made.migration.name,
        "made": isinstance(made, Derivative),
        "proofs": made.proofs,
    }
    match made:
        case Derivative():
            return fields | {
                "path": made.path,
                "size": made.size,
                "digests": made.digests,
                "format": made.format_name,
                "encoder": made.encoder,
                "decoder": made.decoder,
                "left_behind": made.left_behind,
                "puid": made.identification.decided if made.identification is not None else None,
                "image": made.image,
            }
        case RefusedDerivative():
            return fields | {"reason": made.reason}
