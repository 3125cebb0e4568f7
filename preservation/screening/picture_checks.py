"""The checks of images that need what their one decoding showed: the specification, and the content of pages.

To add such a screen, add it to ``PICTURE_CHECKS``; what it needs of a picture is asked for with the decoding.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from preservation.model.files import SurveyedFile
from preservation.policy.image_specification import ImageSpecification
from preservation.policy.page_content import PageContent
from preservation.policy.schema import Policy
from preservation.policy.screen_tables import ScreenTable
from preservation.screening.image_specification import SpecificationCheck
from preservation.screening.reports import ImageReport, PictureFinding
from preservation.tools.work import Completed, Json, Request, WorkOutcome


class PictureCheck(Protocol):
    """One screen of a policy, for one drop."""

    def findings_about(self, file: SurveyedFile, report: ImageReport | None) -> Iterator[PictureFinding]:
        """Yield what is wrong with an image; ``report`` is ``None`` where none came of it."""


def _content_check(screen: PageContent, folder: Path) -> PictureCheck:
    # With it comes numpy, which nothing else in this process needs.
    from preservation.screening.page_content import ContentCheck  # noqa: PLC0415

    return ContentCheck(screen, folder)


PICTURE_CHECKS: Final[dict[type[ScreenTable], Callable[[Any, Path], PictureCheck]]] = {
    ImageSpecification: lambda screen, _: SpecificationCheck(screen),
    PageContent: _content_check,
}
"""How the check of each screen is made, of the screen and a folder for temporary files."""


class PictureChecks:
    """All such checks of one drop; ``folder`` is for temporary files."""

    def __init__(self, policy: Policy, folder: Path) -> None:
        self._checks = [
            make(screen, folder) for kind, make in PICTURE_CHECKS.items() for screen in policy.screens(kind)
        ]
        self._asked: dict[str, Json] = {}
        specifications = [one for one in policy.screens(ImageSpecification) if one.asks_for_pictures]
        if specifications:
            self._asked["tags"] = sorted({str(name) for screen in specifications for name in screen.tags})
        if policy.screens(PageContent):
            self._asked["measured"] = True

    @property
    def has_checks(self) -> bool:
        """Say whether the policy lists any."""
        return bool(self._checks)

    def asked_with(self, request: Request) -> Request:
        """Return the request to decode an image that also asks for what the checks need."""
        return replace(request, arguments={**request.arguments, **self._asked})

    def findings_about(self, file: SurveyedFile, outcome: WorkOutcome | None) -> Iterator[PictureFinding]:
        """Yield what any of the checks finds; without an outcome, nothing decoded the file."""
        report = None
        # What has not the shape of a report is one of its own issues already.
        with suppress(msgspec.ValidationError):
            if isinstance(outcome, Completed):
                report = msgspec.convert(outcome.value, ImageReport)
        for check in self._checks:
            yield from check.findings_about(file, report)
