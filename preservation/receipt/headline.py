"""The words of a receipt: the verdict in one line, and what is to be done next."""

from datetime import UTC, datetime

from preservation.model.amounts import count
from preservation.model.difference import VersionDifference
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import PersonsDecision, Receipt
from preservation.receipt.summary import Summary


def headline(receipt: Receipt, summary: Summary) -> str:
    """Return the verdict in plain words."""
    return _trial_headline(receipt, summary) if receipt.is_trial else _headline(receipt, summary)


def _headline(receipt: Receipt, summary: Summary) -> str:
    match receipt.verdict:
        case Verdict.STORED:
            return _kept(receipt.difference)
        case Verdict.ALREADY_KEPT:
            return "Already kept."
        case Verdict.REJECTED if receipt.is_refused:
            return "Refused by an archivist."
        case Verdict.REJECTED:
            return f"Sent back{_to_mend(summary)}."
        case Verdict.INTERRUPTED:
            return "Interrupted. Nothing is lost."
        case Verdict.WAITING:
            return "Waiting for an archivist."


def _to_mend(summary: Summary) -> str:
    broken = summary.worst.get(Severity.ERROR, 0)
    return f": {count(broken, 'file')} to mend" if broken else ""


def _trial_headline(receipt: Receipt, summary: Summary) -> str:
    match receipt.verdict:
        case Verdict.REJECTED:
            return f"Would be sent back{_to_mend(summary)}."
        case Verdict.WAITING:
            return "An archivist would be asked."
        case _:
            return "Nothing is against it."


def _trial_step(receipt: Receipt, summary: Summary) -> str:
    match receipt.verdict:
        case Verdict.REJECTED:
            return "Mend what is listed here, then check it again. Nothing in it was changed."
        case Verdict.WAITING:
            return "See whether what is listed is as it should be: dropped as it is, it waits for an answer."
        case _:
            look = f" {count(summary.marked, 'file')} may be worth a look." if summary.marked else ""
            return f"Deliver it as it is.{look}"


def _kept(difference: VersionDifference | None) -> str:
    """Return the headline of a version, which is never plainly *Kept.* where it lacks files."""
    if difference is None or not difference.removed:
        return "Kept."
    return f"Kept, without {count(difference.removed, 'file')} of version {difference.before.version}."


def next_step(receipt: Receipt, summary: Summary) -> str:
    """Return what is to be done, as far as the verdict says it."""
    if receipt.is_trial:
        return _trial_step(receipt, summary)
    match receipt.verdict:
        case Verdict.STORED | Verdict.ALREADY_KEPT:
            return _after_keeping(receipt, summary)
        case Verdict.REJECTED if receipt.is_refused:
            return f"It is not kept, and nothing in it was changed. Whom to ask: {asked(receipt)}."
        case Verdict.REJECTED:
            name = printable(receipt.submission.drop.name)
            return (
                f"Mend what is listed here, then drop everything again, under the same name: {name}. "
                "It does not count as kept, and nothing in it was changed."
            )
        case Verdict.INTERRUPTED:
            return (
                "Nothing for you: leave the drop where it is. When an operator has seen to the cause and "
                "preserves it again, it goes on where it was."
            )
        case Verdict.WAITING:
            # What was taken from an inbox is not where it was dropped any more.
            leave = "" if receipt.dropped_as else " Leave the drop where it is."
            return f"Nothing for you until it is decided.{leave} Whom to ask: {asked(receipt)}."


def _after_keeping(receipt: Receipt, summary: Summary) -> str:
    difference = receipt.difference
    if receipt.verdict is Verdict.STORED and difference is not None and difference.removed:
        return (
            f"See whether what version {difference.before.version} has, and this has not, was left out on "
            "purpose. If not, drop it again with all files."
        )
    if not summary.marked:
        return "Nothing more is to be done."
    return f"Nothing has to be done. {count(summary.marked, 'file')} may be worth a look."


def asked(receipt: Receipt) -> str:
    """Return whom people can ask."""
    return printable(receipt.contact) or "an archivist"


def gravest_first(issues: tuple[Issue, ...]) -> list[Issue]:
    """Return ``issues``, errors before questions before warnings before remarks."""
    order = list(Severity)
    return sorted(issues, key=lambda issue: -order.index(issue.severity))


def dropped_as(receipt: Receipt) -> str:
    """Return where the drop lay, as the people know it who dropped it."""
    return printable(receipt.dropped_as or str(receipt.submission.drop))


def decided(decision: PersonsDecision) -> str:
    """Return who decided what, when and why."""
    by, at = decided_by(decision).removesuffix("."), moment_in_words(decision.at)
    return f"{by}, {at}: {printable(decision.because)}"


def decided_by(decision: PersonsDecision) -> str:
    """Return who decided what."""
    return f"{'Approved' if decision.approves else 'Refused'} by {printable(decision.by)}."


def moment_in_words(at: datetime) -> str:
    """Return a moment as people write it, to the minute, in UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"
