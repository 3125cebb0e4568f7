"""A stage: it leaves records in the workspace and returns events; a stage that is done is not repeated."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from flows.installation.log import LOG
from flows.installation.wiring import SOFTWARE, Installation, now
from flows.submission.stages.drop_changes import changed_since_survey, has_changed, require_drop
from flows.submission.workspace import Ending, Extent, Workspace
from preservation.errors import IntegrityError, SourceChangedError
from preservation.ingest_events import IngestEvents
from preservation.model.events import Event
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue
from preservation.model.packages import Replica
from preservation.model.verdicts import Verdict

StageFunction: TypeAlias = Callable[[Workspace, Installation], Iterable[Event]]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage; ``name`` is the verb that users see."""

    name: str
    work: StageFunction

    def run(self, workspace: Workspace, installation: Installation) -> tuple[Event, ...]:
        """Do the stage's work unless it is done, or the submission has ended; return its events.

        Raises what the work raises; the stage then counts as not done.
        """
        events = workspace.events(self.name)
        if not events.exist:
            if workspace.has_ended:
                return ()
            LOG.info("%s: %s", workspace.submission.object, self.name)
            try:
                done = tuple(self.work(workspace, installation))
            except (OSError, SourceChangedError) as error:
                done = _sent_back(workspace, error)
            events.write(done)
        return tuple(events)


def _sent_back(workspace: Workspace, error: OSError | SourceChangedError) -> tuple[Event, ...]:
    """End a submission whose drop changed below the stage's hands; raise ``error`` where it did not."""
    if not isinstance(error, SourceChangedError) and not has_changed(workspace):
        raise error
    require_drop(workspace)
    issue = changed_since_survey(workspace)
    end(workspace, Verdict.REJECTED, issue.message, issues=(issue,))
    return ()


def plan_gone(workspace: Workspace) -> IntegrityError:
    """Return the error for a submission whose planned bag is no longer in its folder."""
    return IntegrityError(f"{workspace.root}: the plan of the package is gone; preserve the drop again")


def ingest_events_of(workspace: Workspace) -> IngestEvents:
    """Return the maker of the submission's events."""
    return IngestEvents(workspace.submission, SOFTWARE, now)


def end(
    workspace: Workspace,
    verdict: Verdict,
    sentence: str,
    *,
    issues: Iterable[Issue] = (),
    package: PackageId | None = None,
    replicas: tuple[Replica, ...] = (),
    lacking: tuple[StoreName, ...] = (),
) -> None:
    """Record how the submission ended. ``issues`` are those of the whole drop; files have their own."""
    tally = workspace.tally()
    kept = Extent(0, 0) if package is None else workspace.kept()
    workspace.ending.write(
        [
            Ending(
                verdict,
                sentence,
                now(),
                tally.files,
                tally.bytes,
                package,
                replicas,
                tuple(issues),
                lacking,
                kept,
            )
        ]
    )


def interrupt(workspace: Workspace, reason: str) -> None:
    """Record that the system, not the content, stopped the submission; nothing of it is lost."""
    end(workspace, Verdict.INTERRUPTED, interrupted_by(reason))


def interrupted_by(reason: str) -> str:
    """Return the sentence of a submission that the system stopped."""
    return f"{reason.rstrip('.')}. Nothing is lost: once that is repaired, preserve it again and it goes on."
