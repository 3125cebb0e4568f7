"""Vouching for a journal as it stands: never for what was not checked."""

from __future__ import annotations

from datetime import datetime

from preservation.errors import IntegrityError
from storage.journal.heads import sign
from storage.journal.keys import SigningKey
from storage.journal.verification import Broken, Intact, verify
from storage.ports.journal import GENESIS, Journal, SignedHead


def sign_head(journal: Journal, key: SigningKey, at: datetime) -> SignedHead | None:
    """Vouch for the journal as it stands; ``None`` while it is empty, the same again while nothing is new.

    What is vouched for has been checked: every entry since the last signed head but one is hashed
    again. Raises ``IntegrityError`` where they do not follow from it.
    """
    known = [journal.head()]
    *earlier, last = (GENESIS, *(signed.head for signed in journal.signed_heads()))
    start = earlier[-1] if earlier else GENESIS
    match verify(journal.lines(start.seq), start=start, known=[*known, last]):
        case Broken(faults=faults):
            raise IntegrityError(
                f"the journal is not signed, for it is broken: {faults[0].message}; "
                "run: muniment journal verify"
            )
        case Intact(head=head):
            if head == GENESIS:
                return None
            return journal.keep_head(sign(head, at, key))
