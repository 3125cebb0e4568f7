"""The judgement on a submission, from all issues that were found: fit, in question, or unfit."""

from collections.abc import Iterable
from dataclasses import dataclass

from preservation.archives.walking import kind_by_name
from preservation.model.amounts import count
from preservation.model.decisions import Action, Decision, PolicyReference
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.planning import codes

_NAMED_ISSUES = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the submission goes on: then ``verdict`` is ``None``. ``sentence`` says why, or why not.

    ``remarks`` says that there were warnings, or questions that a person has answered.
    """

    verdict: Verdict | None
    sentence: str
    remarks: bool = False


def issue_of(decision: Decision) -> Issue | None:
    """Return what a decision means for the whole submission: a reason to refuse or to ask, or nothing."""
    name = printable(decision.path)
    if decision.action is Action.REJECT:
        message = f"{name}: such files are not taken: {decision.because}"
        next_step = "Take the file out of the drop, or convert it, and drop the folder again."
        return Issue(
            codes.REJECTED_BY_POLICY,
            Severity.ERROR,
            message,
            decision.path,
            next_step,
            for_operators=_rule_of(decision),
        )
    if decision.action is Action.ASK:
        message = f"{name}: an archivist is asked about such files: {decision.because}"
        next_step = "An archivist decides whether it is kept."
        if kind_by_name(decision.path) is not None:
            next_step = (
                f"Unpack it and drop the folder, so that every file in it is looked at. Or: {next_step}"
            )
        return Issue(
            codes.ASKED_BY_POLICY,
            Severity.QUESTION,
            message,
            decision.path,
            next_step,
            for_operators=f"{_rule_of(decision)} A rule for such files decides about the next drop.",
        )
    return None


def _rule_of(decision: Decision) -> str:
    return f"Rule {decision.rule!r} of the policy says so."


def manifest_required(policy: PolicyReference) -> Issue:
    """Return the issue of a drop that came without the manifest that its policy requires."""
    message = f"The drop came without a manifest, and policy {policy.name} requires one"
    next_step = "Have the scanner or the sender write one (checksums.md5), and drop it with the scans."
    return Issue(codes.MANIFEST_REQUIRED, Severity.ERROR, message, None, next_step)


def judge(issues: Iterable[Issue], *, approved: bool) -> Judgement:
    """Judge a submission by its gravest issues. ``approved``: a person has answered the questions."""
    errors: list[Issue] = []
    questions: list[Issue] = []
    counts = dict.fromkeys(Severity, 0)
    for issue in issues:
        counts[issue.severity] += 1
        kept = {Severity.ERROR: errors, Severity.QUESTION: questions}.get(issue.severity)
        if kept is not None and len(kept) < _NAMED_ISSUES:
            kept.append(issue)
    if counts[Severity.ERROR]:
        return Judgement(Verdict.REJECTED, _sentence_of(errors, counts[Severity.ERROR]))
    if counts[Severity.QUESTION] and not approved:
        return Judgement(Verdict.WAITING, _sentence_of(questions, counts[Severity.QUESTION]))
    warnings = counts[Severity.WARNING]
    return Judgement(
        None,
        f"fit to be kept, with {count(warnings, 'warning')}" if warnings else "fit to be kept",
        remarks=warnings + counts[Severity.QUESTION] > 0,
    )


def _sentence_of(named: list[Issue], found: int) -> str:
    sentences = " ".join(f"{issue.message.removesuffix('.')}." for issue in named)
    more = found - len(named)
    return f"{sentences} And {more} more." if more else sentences
