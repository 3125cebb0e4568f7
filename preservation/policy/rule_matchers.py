"""Which rule takes a file. Rules that could claim one file are refused on loading, so at most one does."""

from collections.abc import Sequence

from preservation.model.decisions import Action, RuleId
from preservation.model.files import SurveyedFile
from preservation.model.formats import Puid
from preservation.model.paths import extension_of
from preservation.policy.globs import PathMatcher
from preservation.policy.rules import Rule, WhenKey


class RuleMatcher:
    """One rule, made ready to be held against many files."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.identifier = RuleId(rule.id)
        self.action = Action.NORMALIZE if rule.action is None else Action(rule.action)
        self.normalize = None if rule.normalize is None else rule.normalize.as_migration()
        self.access = None if rule.access is None else rule.access.as_migration()
        self.proofs = rule.proofs
        self.accept_loss = rule.accept_loss
        self._formats = frozenset(rule.when.puid)
        self._unidentified = rule.when.unidentified
        self._extensions = frozenset(rule.when.extension)
        self._paths = PathMatcher(rule.when.path)

    def unmet(self, file: SurveyedFile) -> WhenKey | None:
        """Return the first key of ``when`` that does not hold; ``None`` where the rule takes the file."""
        decided = file.identification.decided
        if self._formats and decided not in self._formats:
            return WhenKey.PUID
        if self._unidentified and decided is not None:
            return WhenKey.UNIDENTIFIED
        if self._extensions and extension_of(file.path) not in self._extensions:
            return WhenKey.EXTENSION
        if self._paths.patterns and not self._paths.matches(file.path):
            return WhenKey.PATH
        return None


class RuleMatchers:
    """Every rule of a policy, found by format first, so that a long policy costs no more than a short one."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.all = tuple(RuleMatcher(rule) for rule in rules)
        self._of_any_format = tuple(matcher for matcher in self.all if not matcher.rule.when.puid)
        self._by_format: dict[Puid, tuple[RuleMatcher, ...]] = {}
        for matcher in self.all:
            for puid in matcher.rule.when.puid:
                self._by_format[puid] = (*self._by_format.get(puid, ()), matcher)

    def on(self, file: SurveyedFile) -> RuleMatcher | None:
        """Return the matcher that takes ``file``, or ``None`` where no rule takes it."""
        decided = file.identification.decided
        of_its_format = self._by_format.get(decided, ()) if decided is not None else ()
        for matchers in (of_its_format, self._of_any_format):
            for matcher in matchers:
                if matcher.unmet(file) is None:
                    return matcher
        return None
