"""Screen: find out whether what was dropped is fit to keep."""

from __future__ import annotations

from collections.abc import Iterable

from flows.installation.wiring import Installation
from flows.submission.progress.meter import Meter, to_screen
from flows.submission.stages.drop_changes import while_there
from flows.submission.stages.stage import Stage
from flows.submission.workspace import Workspace, only
from preservation.model.events import Event
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.screen import screen


def _screen(workspace: Workspace, installation: Installation) -> Iterable[Event]:
    policy = workspace.policy
    with Meter(workspace, SCREEN.name) as meter:
        screened = screen(
            workspace.survey,
            root=only(workspace.received).payload_root,
            policy=policy,
            name_rules=tuple(store.name_rules for store in installation.stores_for(policy)),
            workers=installation.caged_workers(JOB_MODULES),
            thumbnails=workspace.thumbnails,
            noted=meter.track("looking", lambda: to_screen(workspace)).noted,
        )
        workspace.screened.write(while_there(workspace, screened))
    # What was found is told with the judgement, by the next stage.
    return ()


SCREEN = Stage("screen", _screen)
