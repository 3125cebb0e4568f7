"""Why a policy says what it says of a file: which rule takes it, why the others do not, what would happen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from preservation.model import layout
from preservation.model.decisions import Action, Decision, Migration, RuleId
from preservation.model.files import SurveyedFile
from preservation.model.paths import extension_of, printable
from preservation.policy.globs import PathMatcher
from preservation.policy.intake import LoosePages
from preservation.policy.rule_matchers import RuleMatcher
from preservation.policy.rules import JUNK, WhenKey
from preservation.policy.schema import Policy
from preservation.policy.screen_tables import ScreenOutcome
from preservation.policy.selection import decide, is_descriptive, is_sign
from preservation.policy.supplied_xml import SuppliedXml
from preservation.policy.versions import RemovedAction, VersionAction


@dataclass(frozen=True, slots=True)
class RuleNotTaken:
    """A rule that did not take the file, and the first thing in its way."""

    rule: RuleId
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, with the reasons on both sides. ``would`` says what preserving would do."""

    decision: Decision
    reason: str
    would: str
    passed_over: tuple[RuleNotTaken, ...]


def explain(policy: Policy, file: SurveyedFile) -> Explanation:
    """Return the decision on ``file`` with its reasons. Nothing is touched."""
    decision = decide(policy, file)
    passed_over = []
    reason = "no rule takes it"
    if decision.rule == JUNK:
        sign = is_sign(policy, file.path)
        reason = "it is the sign that the drop is complete" if sign else "it fits a pattern of junk"
    for matcher in policy.matchers.all:
        unmet = matcher.unmet(file)
        if unmet is not None:
            passed_over.append(RuleNotTaken(matcher.identifier, _objection(unmet, file)))
        elif matcher.identifier == decision.rule:
            reason = _grounds(matcher, file)
    return Explanation(decision, reason, _consequence(policy, decision), tuple(passed_over))


def of_drops(policy: Policy) -> Iterator[str]:
    """Yield what the policy says of drops as a whole, which no single file shows."""
    versions = policy.terms.versions
    yield f"A drop that lacks files of the version before {_WITH_LACKING[versions.removed]}."
    yield f"A drop that has no file in common with the version before {_WITH_DROP[versions.unrelated]}."
    if policy.terms.intake.loose_pages is LoosePages.HOLD:
        yield "Single files in an inbox whose names differ in a number only are held there."
    for screen in policy.screens(SuppliedXml):
        yield from _about_xml(screen)


def _about_xml(screen: SuppliedXml) -> Iterator[str]:
    paths, schema = " or ".join(map(printable, screen.paths)), printable(screen.schema_path)
    root = "" if screen.root is None else f", with the root element {screen.root}"
    consequence = _WITH_FINDING[screen.outcome]
    yield f"A file like {paths} has to be XML that is valid by {schema}{root}; else the drop {consequence}."
    if screen.required:
        yield f"A drop without such a file {consequence}."


_WITH_LACKING = {
    RemovedAction.KEEP: "would be kept, with a warning",
    RemovedAction.ASK: "would wait until an archivist has decided",
    RemovedAction.REJECT: "would be rejected",
    RemovedAction.COMPLETE: "would be completed with these files, read from the stores; a bag or a single "
    "file would wait until an archivist has decided",
}
_WITH_DROP = {
    VersionAction.KEEP: "would be kept, with a warning",
    VersionAction.ASK: "would wait until an archivist has decided",
    VersionAction.REJECT: "would be rejected",
}


_WITH_FINDING = {
    ScreenOutcome.WARN: "would be kept, with a warning",
    ScreenOutcome.ASK: "would wait until an archivist has decided",
    ScreenOutcome.REJECT: "would be rejected",
}


def _consequence(policy: Policy, decision: Decision) -> str:
    match decision.action:
        case Action.LEAVE_OUT:
            return "It would be left out, and listed as left out."
        case Action.ASK:
            return "The drop would wait until an archivist has decided."
        case Action.REJECT:
            return "The whole drop would be rejected."
        case Action.RETAIN | Action.NORMALIZE:
            return " ".join(_what_is_made(policy, decision))
        case _:
            assert_never(decision.action)


def _what_is_made(policy: Policy, decision: Decision) -> Iterator[str]:
    yield "It would be kept as it is."
    if is_descriptive(policy, decision.path):
        yield f"A copy of it would be put at {printable(layout.supplied_description(decision.path))}."
    if decision.normalize is not None:
        proofs = ", ".join(decision.prove)
        yield f"A second form would be made by {_in_words(decision.normalize)} and kept if proved: {proofs}."
    if decision.accept_loss:
        yield f"It may leave behind, where the file has it: {', '.join(decision.accept_loss)}."
    if decision.access is not None:
        yield f"An access copy would be made by {_in_words(decision.access)}."


def _in_words(migration: Migration) -> str:
    options = ", ".join(f"{option} {value}" for option, value in migration.options.items())
    return f"{migration.name} ({options})" if options else migration.name


def _format_of(file: SurveyedFile) -> str:
    decided = file.identification.decided
    return file.identification.name if decided is None else f"{decided}, {file.identification.name}"


def _objection(unmet: WhenKey, file: SurveyedFile) -> str:
    match unmet:
        case WhenKey.PUID:
            return f"its format ({_format_of(file)}) is none of those named"
        case WhenKey.UNIDENTIFIED:
            return f"its format is known ({_format_of(file)})"
        case WhenKey.EXTENSION:
            return f"its extension ({extension_of(file.path) or 'none'}) is none of those named"
        case WhenKey.PATH:
            return "its path fits none of the patterns"
        case _:
            assert_never(unmet)


def _grounds(matcher: RuleMatcher, file: SurveyedFile) -> str:
    when = matcher.rule.when
    grounds = []
    if when.puid or when.unidentified:
        grounds.append(f"its format is {_format_of(file)}")
    if when.extension:
        grounds.append(f"its extension is {extension_of(file.path)}")
    if when.path:
        grounds.append(f"its path fits {PathMatcher(when.path).first_match(file.path)}")
    return " and ".join(grounds)
