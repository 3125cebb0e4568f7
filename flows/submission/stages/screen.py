"""Screen: examine whether what was dropped is fit to keep."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol

from flows.installation.wiring import SOFTWARE
from flows.submission.drop import own_name
from flows.submission.progress.meter import Meter, to_screen
from flows.submission.stages.drop_changes import while_there
from flows.submission.stages.ports import HasCagedWorkers, HasStores
from flows.submission.stages.stage import Stage
from flows.submission.workspace import Workspace, only
from preservation.model.events import Agent, Event
from preservation.model.files import SurveyedFile
from preservation.model.screening import Examined, ScreenedFile, Unexamined
from preservation.policy.selection import is_left_out
from preservation.screening.drop_checks import drop_checks_for
from preservation.screening.examiners import jobs_of
from preservation.screening.screen import screen


class ScreeningPorts(HasCagedWorkers, HasStores, Protocol):
    """What screening asks of an installation."""


def _screen(workspace: Workspace, ports: ScreeningPorts) -> Iterable[Event]:
    policy = workspace.policy
    root = only(workspace.received).payload_root
    # What the files of a drop are named for is the drop, and not the folders that it lay in.
    name = own_name(workspace.submission.object.name, policy.terms.intake.grouping)
    drop_checks = drop_checks_for(policy, name, root)
    with Meter(workspace, SCREEN.name) as meter:
        screened = screen(
            workspace.survey,
            root=root,
            policy=policy,
            name_rules=tuple(store.name_rules for store in ports.stores_for(policy)),
            workers=ports.caged_workers(jobs_of(policy)),
            thumbnails=workspace.thumbnails,
            drop_checks=drop_checks,
            progress=meter.track("looking", lambda: to_screen(workspace)).count,
        )
        reasons: Counter[str] = Counter()
        examined: Counter[tuple[tuple[Agent, ...], bool]] = Counter()
        workspace.screening.write(while_there(workspace, _counted(screened, reasons, examined)))
    workspace.screening_issues.write(
        issue for check in drop_checks for issue in check.close(_not_left_out(workspace))
    )
    workspace.unexamined.write(Unexamined(reason, files) for reason, files in reasons.most_common())
    workspace.examined.write(
        Examined(by[0], examined[by, False] + examined[by, True], examined[by, True], by[1:])
        for by in dict.fromkeys(by for by, _ in examined)
    )
    # The event of screening is recorded with the judgement, by the next stage.
    return ()


def _not_left_out(workspace: Workspace) -> Iterator[SurveyedFile]:
    policy = workspace.policy
    return (file for file in workspace.surveyed() if not is_left_out(policy, file.path))


def _counted(
    screened: Iterable[ScreenedFile],
    reasons: Counter[str],
    examined: Counter[tuple[tuple[Agent, ...], bool]],
) -> Iterator[ScreenedFile]:
    for one in screened:
        if one.unexamined:
            reasons[one.unexamined] += 1
        if one.examiner is not None or one.is_damaged:
            # Archives are listed by ourselves.
            examined[(one.examiner or SOFTWARE, *one.other_examiners), one.is_damaged] += 1
        yield one


SCREEN = Stage("screen", _screen)
