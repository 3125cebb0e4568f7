"""``muniment gate calibrate``: thresholds for pages, out of scans that are agreed to be good."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import JsonOption
from flows.cli.output import note, say, say_json
from preservation.errors import NotFoundError, UnacceptableContentError
from preservation.model.amounts import count
from preservation.model.paths import printable

if TYPE_CHECKING:
    from preservation.model.paths import RelativePath
    from preservation.screening.calibration import Calibrated, GoodPages

_NAMED = 10


def calibrate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Scans that are agreed to be good.")],
    json: JsonOption = False,
) -> None:
    """Measure good scans, and print the thresholds under which none of their pages has a finding.

    It needs no installation, and writes nothing. Every image in the folder is decoded and measured as the
    screen `page-content` does. What is printed last is that screen, to be pasted into a policy.

    Exit codes: 0 measured, 3 no image of it could be measured, 6 there is no such folder.

    Example: muniment gate calibrate ~/scans/agreed
    """
    import tempfile

    from preservation.screening.calibration import GoodPages, screen_of

    if not folder.is_dir():
        raise NotFoundError(f"{printable(str(folder))}: there is no folder here; check the spelling")
    with tempfile.TemporaryDirectory(prefix="muniment-") as scratch:
        calibration = GoodPages(Path(scratch))
        without = _take_all(folder.resolve(), Path(scratch), calibration)
        results = list(calibration.results())
    if not calibration.pages:
        raise UnacceptableContentError(
            f"{printable(str(folder))}: no image in it could be measured; give it whole scans"
        )
    screen = screen_of(results, calibration.pages)
    (_say_json if json else _say)(calibration, results, without, screen)


def _take_all(root: Path, scratch: Path, calibration: GoodPages) -> list[RelativePath]:
    """Measure every image below ``root``; return those of which nothing could be measured."""
    from preservation.identification.caged import CagedIdentifier, identifying_workers
    from preservation.model.digests import Algorithm
    from preservation.model.files import SurveyedFile
    from preservation.model.submissions import DropKind, Received
    from preservation.screening.calibration import measured
    from preservation.screening.examiners import JOB_MODULES
    from preservation.survey.survey import survey
    from preservation.tools.limits import Limits
    from preservation.tools.workers import CagedWorkers

    cores = len(os.sched_getaffinity(0))
    without = []
    with (
        identifying_workers(Limits(), cores, [root]) as engines,
        CagedWorkers(Limits(), cores, JOB_MODULES[:1]) as workers,
    ):
        found = survey(
            Received(DropKind.FOLDER, root),
            algorithms=(Algorithm.SHA256,),
            identifier=CagedIdentifier(engines, second_opinion=True),
            threads=cores,
        )
        files = (entry for entry in found if isinstance(entry, SurveyedFile))
        for path, pages in measured(files, root=root, workers=workers, scratch=scratch):
            calibration.take(path, pages)
            if not pages:
                without.append(path)
    return without


def _say(calibration: GoodPages, results: list[Calibrated], without: list[RelativePath], screen: str) -> None:
    say(f"{'measure':<12}{'pages':>7}{'least':>10}{'median':>10}{'most':>10}{'threshold':>12}")
    for one in results:
        threshold = "the default" if one.threshold is None else f"{one.threshold:g}"
        numbers = f"{one.least:>10g}{one.median:>10.4g}{one.most:>10g}" if one.pages else f"{'':30}"
        say(f"{one.key.value:<12}{one.pages:>7}{numbers}{threshold:>12}")
    for path in without[:_NAMED]:
        note(f"{printable(path)}: could not be measured, and so is not among these")
    if len(without) > _NAMED:
        note(f"{count(len(without) - _NAMED, 'more image')} could not be measured")
    for pair in calibration.alike[:_NAMED]:
        note(
            f"{printable(pair.path)} and {printable(pair.other)} are {pair.likeness:g} % alike: "
            "where these are one page twice, take one out and measure again"
        )
    say("")
    say(screen.rstrip())


def _say_json(
    calibration: GoodPages, results: list[Calibrated], without: list[RelativePath], screen: str
) -> None:
    say_json(
        {
            "pages": calibration.pages,
            "measures": results,
            "unmeasured": without,
            "alike": calibration.alike,
            "screen": screen,
        }
    )
