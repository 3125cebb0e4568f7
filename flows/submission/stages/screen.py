"""Screen: examine whether what was dropped is fit to keep."""

from collections.abc import Iterable
from typing import Protocol

from flows.submission.progress.meter import Meter, to_screen
from flows.submission.stages.drop_changes import while_there
from flows.submission.stages.ports import HasCagedWorkers, HasStores
from flows.submission.stages.stage import Stage
from flows.submission.workspace import Workspace, only
from preservation.model.events import Event
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.screen import screen


class ScreeningPorts(HasCagedWorkers, HasStores, Protocol):
    """What screening asks of an installation."""


def _screen(workspace: Workspace, ports: ScreeningPorts) -> Iterable[Event]:
    policy = workspace.policy
    with Meter(workspace, SCREEN.name) as meter:
        screened = screen(
            workspace.survey,
            root=only(workspace.received).payload_root,
            policy=policy,
            name_rules=tuple(store.name_rules for store in ports.stores_for(policy)),
            workers=ports.caged_workers(JOB_MODULES),
            thumbnails=workspace.thumbnails,
            progress=meter.track("looking", lambda: to_screen(workspace)).count,
        )
        workspace.screened.write(while_there(workspace, screened))
    # The event of screening is recorded with the judgement, by the next stage.
    return ()


SCREEN = Stage("screen", _screen)
