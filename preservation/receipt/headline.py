"""The words of a receipt: the verdict in one line, and what is to be done next."""

from preservation.model.amounts import count
from preservation.model.issues import Issue, Severity
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import Receipt
from preservation.receipt.summary import Summary


def headline(receipt: Receipt, summary: Summary) -> str:
    """Return the verdict in plain words."""
    match receipt.verdict:
        case Verdict.STORED:
            lacking = receipt.difference
            if lacking is None or not lacking.removed:
                return "Kept."
            return f"Kept, without {count(lacking.removed, 'file')} of version {lacking.before.version}."
        case Verdict.ALREADY_KEPT:
            return "Already kept."
        case Verdict.REJECTED:
            broken = summary.worst.get(Severity.ERROR, 0)
            return f"Sent back: {count(broken, 'file')} to mend." if broken else "Sent back."
        case Verdict.INTERRUPTED:
            return "Interrupted. Nothing is lost."
        case Verdict.WAITING:
            return "Waiting for an archivist."


def next_step(receipt: Receipt, summary: Summary) -> str:
    """Return what is to be done, as far as the verdict says it."""
    match receipt.verdict:
        case Verdict.STORED if receipt.difference is not None and receipt.difference.removed:
            return (
                f"See whether what version {receipt.difference.before.version} has, and this has not, was "
                "left out on purpose. If not, drop it again with all files."
            )
        case Verdict.STORED | Verdict.ALREADY_KEPT:
            if not summary.marked:
                return "Nothing more is to be done."
            return f"Nothing has to be done. {count(summary.marked, 'file')} may be worth a look."
        case Verdict.REJECTED:
            return (
                "Mend what is listed here, then drop everything again. "
                "It does not count as kept, and your drop was left as it was."
            )
        case Verdict.INTERRUPTED:
            return (
                "Nothing for you: leave the drop where it is. When an operator has seen to the cause and "
                "preserves it again, it goes on where it was."
            )
        case Verdict.WAITING:
            return "An archivist answers what is asked here; preserved again with the answer, it goes on."


def is_kept(verdict: Verdict) -> bool:
    """Say whether the content is in a package now."""
    return verdict in {Verdict.STORED, Verdict.ALREADY_KEPT}


def gravest_first(issues: tuple[Issue, ...]) -> list[Issue]:
    """Return ``issues``, errors before questions before warnings before remarks."""
    order = list(Severity)
    return sorted(issues, key=lambda issue: -order.index(issue.severity))
