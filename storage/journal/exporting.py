"""The export of the journal: one folder with all that is needed to check it and no program of ours."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import AlreadyExistsError, UnavailableError
from preservation.files.tree import remove_tree
from storage.journal import standalone
from storage.journal.entries import canonical
from storage.journal.exported import FAULTS_NAME, HEAD_SUFFIX, HEADS_NAME, LINES_NAME, TOKEN_SUFFIX
from storage.journal.heads import head_line
from storage.journal.keys import public_key_name, public_pem
from storage.journal.time_stamps import TrustedRoots, roots_pem
from storage.journal.tokens import CheckedToken
from storage.journal.verification import ChainFault
from storage.ports.journal import Journal, KeyId, SignedHead

CHECKER_NAME = "check_journal.py"
README_NAME = "README.txt"
ROOTS_NAME = "time-stamp-roots.pem"
"""The root certificates that the archive trusts for its time stamps."""

_README = """\
The journal of a Muniment archive
=================================

Every act of the archive, one line each, in {lines}: {count} entries.
Each line holds the SHA-256 of the line before it, so that none can be changed, dropped, moved or put
in unseen. {heads} holds the last places of that chain, signed with Ed25519; by them it is
known that nothing was cut off at the end.

To check it you need Python 3.8 or later, and nothing else:

    python3 {checker}

It checks the journal that lies beside it, by the signed heads and the public keys that lie there; it reports
what it checked, what holds and what does not, and ends with 0 if all of it holds, with 1 if not, or if no
signed head or no public key is there: then nothing is proved. Where the archive found it broken itself,
{faults} lies here and says how.

A signature is worth as much as the key. Compare the key's id with one that you had from the archive
by another way (on paper, from a colleague, from an earlier export):

{keys}

If you have the public key itself from elsewhere, name it, and only that one is trusted:

    python3 {checker} --public-key KEY.pem

If you kept signed heads elsewhere (a file, mails), they show whether the archive was rolled back:

    python3 {checker} --witness FILE

{stamps}The check is one short program that everyone can read, and docs/journal.md of Muniment specifies what
every byte means, so that everyone can write another one.
"""


_STAMPS = """\
Time stamps: {count}. Each NAME{token} is the answer of a time stamping authority (RFC 3161), which is
another house than the archive: the signed head in NUMBERS{head} existed at the time that it says,
and with it every entry up to there. NUMBERS are those that NAME begins with. OpenSSL checks it:

    openssl ts -verify -data NUMBERS{head} -in NAME{token} -CAfile {roots}
    openssl ts -reply -in NAME{token} -text

{roots} has the root certificates that the archive trusts for that. They are worth as much
as the way by which you got them: compare them with those of the authority. Where a certificate of it has
expired since, add -attime and the time stamp's own time in seconds since 1970.

"""


@dataclass(frozen=True, slots=True)
class ExportedStamps:
    """Tokens of time stamps, one of each name, and the roots that are trusted for them."""

    tokens: Sequence[CheckedToken] = ()
    roots: Sequence[TrustedRoots] = ()


def export_journal(
    journal: Journal,
    keys: Mapping[KeyId, Ed25519PublicKey],
    target: Path,
    heads: Iterable[SignedHead] = (),
    faults: Iterable[ChainFault] = (),
    stamps: ExportedStamps | None = None,
) -> int:
    """Write the journal, its signed heads, public keys, a checker and a README to the folder ``target``.

    ``heads`` are genuine ones that were found outside of the database; ``faults`` are written along, so that
    the export of a broken journal is never taken for a sound one. ``stamps`` are written along too, each
    beside the head that it is of, and a file of their roots.

    Returns how many entries were written: as they are, be they sound or not, for a broken journal is
    evidence. The folder appears whole or not at all. Raises ``AlreadyExistsError`` where something is at
    ``target``, ``UnavailableError`` where it cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AlreadyExistsError(
            f"{target}: something is there already; name a folder that does not exist yet"
        )
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.mkdir(parents=True)
        try:
            count = _write(journal, keys, partial, heads, stamps or ExportedStamps())
            if lines := [_fault_line(fault) for fault in faults]:
                (partial / FAULTS_NAME).write_bytes(b"".join(lines))
            partial.rename(target)
        finally:
            with suppress(OSError):
                remove_tree(partial)
    except OSError as error:
        raise UnavailableError(
            f"{target}: the journal could not be exported there ({error.strerror}); see that the folder "
            "can be written and has room, then export again"
        ) from error
    return count


def _fault_line(fault: ChainFault) -> bytes:
    return canonical({"kind": fault.kind.value, "message": fault.message, "seq": fault.seq}) + b"\n"


def _write(
    journal: Journal,
    keys: Mapping[KeyId, Ed25519PublicKey],
    folder: Path,
    elsewhere: Iterable[SignedHead],
    stamps: ExportedStamps,
) -> int:
    # Read before the lines: what they vouch for is then among these, also while others append.
    heads = sorted({*journal.signed_heads(), *elsewhere}, key=lambda signed: (signed.head.seq, signed.at))
    count = 0
    with (folder / LINES_NAME).open("wb") as file:
        for line in journal.lines():
            file.write(line)
            count += 1
    (folder / HEADS_NAME).write_bytes(b"".join(head_line(signed) for signed in heads))
    for identifier, public in keys.items():
        (folder / public_key_name(identifier)).write_bytes(public_pem(public))
    _write_stamps(folder, stamps)
    shutil.copyfile(standalone.__file__, folder / CHECKER_NAME)
    readme = _README.format(
        lines=LINES_NAME,
        heads=HEADS_NAME,
        count=count,
        checker=CHECKER_NAME,
        faults=FAULTS_NAME,
        stamps=_STAMPS.format(
            count=len(stamps.tokens), token=TOKEN_SUFFIX, head=HEAD_SUFFIX, roots=ROOTS_NAME
        )
        if stamps.tokens
        else "",
        keys="\n".join(f"    {identifier}" for identifier in keys) or "    (none: nothing is signed yet)",
    )
    (folder / README_NAME).write_text(readme, encoding="utf-8")
    return count


def _write_stamps(folder: Path, stamps: ExportedStamps) -> None:
    for one in stamps.tokens:
        if isinstance(one.kept.token, bytes):
            (folder / one.kept.first_name).write_bytes(one.kept.token)
        if one.signed is not None:
            (folder / f"{one.kept.span}{HEAD_SUFFIX}").write_bytes(head_line(one.signed))
    if stamps.roots and stamps.tokens:
        (folder / ROOTS_NAME).write_bytes(roots_pem(stamps.roots))
