"""Stores that are to have a version and do not have it yet: what the receipt says of them."""

from collections.abc import Sequence

from flows.submission.workspace import LackingStore
from preservation.model.issues import Issue, IssueCode, Severity

STORE_LACKS_IT = IssueCode("REP-008")


def lacking_sentence(lacking: Sequence[LackingStore]) -> str:
    """Return which stores do not have the version yet, if any."""
    if not lacking:
        return ""
    names = " and ".join(one.store for one in lacking)
    return f" Not in store {names} yet: it is copied there when the store is there."


def lacking_issue(one: LackingStore) -> Issue:
    """Return the finding for the receipt."""
    return Issue(
        STORE_LACKS_IT,
        Severity.WARNING,
        f"Store {one.store} does not have the package yet: {one.reason.rstrip('.')}.",
        None,
        "Nothing, once the store is back: what it lacks is copied each night, or by: "
        "muniment replicate --missing",
    )
