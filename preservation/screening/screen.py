"""The stage: every entry of a drop in, a screened file out, in the same order and in flat memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from preservation.model.amounts import OnProgress
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.issues import Issue, Severity
from preservation.model.name_rules import NameRules
from preservation.model.paths import RelativePath
from preservation.model.screening import FaultRegion, ScreenedFile
from preservation.policy.schema import Policy
from preservation.policy.screens import DecodableImages, IrregularEntries
from preservation.policy.selection import is_junk, is_left_out
from preservation.rasters.families import family_of, is_undecodable_raster
from preservation.screening import codes, report_issues
from preservation.screening.checks import irregular_entry_issue, surface_checks_for
from preservation.screening.drop_checks import DropCheck
from preservation.screening.examiners import FIRST_SHOWN, Examiner, examiners_for, unexamined
from preservation.screening.picture_checks import PictureChecks
from preservation.screening.report_issues import Subject
from preservation.screening.supplied_xml import XmlValidation, XmlValidations
from preservation.tools.work import Request, WorkOutcome
from preservation.tools.workers import CagedWorkers

_AT_ONCE = 500


def screen(
    found: Iterable[SurveyedFile | IrregularEntry],
    *,
    root: Path,
    policy: Policy,
    name_rules: tuple[NameRules, ...],
    workers: CagedWorkers,
    thumbnails: Path,
    drop_checks: Sequence[DropCheck] = (),
    progress: OnProgress | None = None,
) -> Iterator[ScreenedFile]:
    """Yield one screened file for each entry, in their order; ``progress`` counts files as they are done.

    Files lie below ``root`` and are only read; ``workers`` have preloaded ``examiners.jobs_of(policy)``. The
    first 300 images, and every later one with an issue, get a thumbnail in the folder ``thumbnails``. Each of
    ``drop_checks`` is shown every file; what they find out about all together, the caller asks them for.

    Raises what ``CagedWorkers.map`` raises.
    """
    thumbnails.mkdir(exist_ok=True)
    screening = _Screening(root, policy, name_rules, workers, thumbnails, drop_checks)
    entries = iter(found)
    while several := list(islice(entries, _AT_ONCE)):
        yield from screening.screen(several, progress)


_Look: TypeAlias = tuple[Examiner, Request]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A file as far as it is known from outside, with the looks into it that are needed."""

    screened: ScreenedFile
    look: _Look | None = None
    validations: tuple[XmlValidation, ...] = ()

    @property
    def requests(self) -> list[Request]:
        """What is asked about it, in the order in which the answers are taken."""
        asked = [] if self.look is None else [self.look[1]]
        return asked + [validation.request for validation in self.validations]


class _Screening:
    """The screening of one submission. Remembers its names, so that those which collide are found."""

    def __init__(
        self,
        root: Path,
        policy: Policy,
        rules: tuple[NameRules, ...],
        workers: CagedWorkers,
        thumbnails: Path,
        drop_checks: Sequence[DropCheck],
    ) -> None:
        self._root = root
        self._thumbnails = thumbnails
        self._policy = policy
        self._workers = workers
        self._surface = (*surface_checks_for(policy, rules), *(check.look for check in drop_checks))
        self._images = policy.screen(DecodableImages)
        self._irregular = policy.screen(IrregularEntries)
        self._pictures = PictureChecks(policy, thumbnails)
        self._examiners = examiners_for(policy, workers.limits, thumbnails)
        self._validations = XmlValidations(policy)

    def screen(
        self, entries: list[SurveyedFile | IrregularEntry], progress: OnProgress | None
    ) -> Iterator[ScreenedFile]:
        begun = [self._begin(entry) for entry in entries]
        requests = [request for one in begun for request in one.requests]
        # A file is done with the last of what is asked about it.
        is_last = [number == len(one.requests) for one in begun for number in range(1, len(one.requests) + 1)]
        if progress is not None:
            progress(sum(isinstance(entry, SurveyedFile) for entry in entries) - sum(is_last), 0)
        found: list[WorkOutcome] = []
        # Read to its end here: the workers are free again before the caller goes on.
        for outcome, is_done in zip(self._workers.map(requests), is_last, strict=True):
            found.append(outcome)
            if progress is not None and is_done:
                progress(1, 0)
        outcomes = iter(found)
        for entry, one in zip(entries, begun, strict=True):
            screened = one.screened
            if one.look is not None and isinstance(entry, SurveyedFile):
                examiner, request = one.look
                outcome = next(outcomes)
                screened = self._judged(entry, examiner.finish(screened, request, outcome), outcome)
            for validation in one.validations:
                screened = validation.finish(screened, next(outcomes))
            yield screened

    def _begin(self, entry: SurveyedFile | IrregularEntry) -> _Begun:
        """Find all that can be found from outside; return it with the looks into the file that are needed."""
        if is_left_out(self._policy, entry.path):
            return _Begun(ScreenedFile(entry.path, left_out=True, issues=(_junk(entry.path, left_out=True),)))
        issues = [_junk(entry.path, left_out=False)] if is_junk(self._policy, entry.path) else []
        if isinstance(entry, IrregularEntry):
            issues.append(irregular_entry_issue(entry, self._irregular))
            return _Begun(ScreenedFile(entry.path, issues=tuple(issues)))
        for check in self._surface:
            issues += check(entry)
        if self._images is not None and is_undecodable_raster(entry.path, entry.identification):
            subject = Subject.under(entry.path, self._images)
            issues.append(report_issues.no_decoder(subject, entry.identification.name))
        look = self._look_into(entry, bool(issues))
        if look is None:
            issues += (found.issue for found in self._pictures.findings_about(entry, None))
        validations = tuple(self._validations.of(entry, self._root))
        why = unexamined(self._policy, entry.path, entry.identification) if entry.size else ""
        return _Begun(ScreenedFile(entry.path, issues=tuple(issues), unexamined=why), look, validations)

    def _look_into(self, file: SurveyedFile, has_issues: bool) -> _Look | None:  # noqa: FBT001  only one caller
        family = family_of(file.path, file.identification)
        examiner = None if family is None or file.size == 0 else self._examiners.get(family)
        if family is None or examiner is None:
            return None
        # Whether checks of pictures find something is known once these are decoded.
        is_looked_at = has_issues or (family.is_image and self._pictures.has_checks)
        request = examiner.request(self._root / file.path, family, size=file.size, needs_a_look=is_looked_at)
        return examiner, self._pictures.asked_with(request) if family.is_image else request

    def _judged(self, file: SurveyedFile, screened: ScreenedFile, outcome: WorkOutcome) -> ScreenedFile:
        """Add what checks of pictures find; remove the thumbnail of a later image without an issue."""
        if not self._pictures.has_checks:
            return screened
        found = tuple(self._pictures.findings_about(file, outcome))
        screened = replace(
            screened,
            issues=(*screened.issues, *(one.issue for one in found)),
            regions=tuple(FaultRegion(one.issue.code, one.region) for one in found if one.region),
        )
        if screened.thumbnail is None or screened.issues:
            return screened
        name = Path(screened.thumbnail).name
        if int(Path(name).stem) <= FIRST_SHOWN:
            return screened
        (self._thumbnails / name).unlink()
        return replace(screened, thumbnail=None)


def _junk(path: RelativePath, *, left_out: bool) -> Issue:
    consequence = "it is left out, as the policy says" if left_out else "it is kept all the same"
    return Subject(path, Severity.INFO).issue(codes.JUNK, f"fits a pattern of junk; {consequence}", "")
