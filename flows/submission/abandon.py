"""Ending a submission that was left and cannot go on, because its drop is gone."""

import os
from pathlib import Path

from flows.installation.wiring import Installation, now
from flows.submission.answer import FOR_GOOD, answer, discard
from flows.submission.claim import is_registered
from flows.submission.stages.register import REGISTER
from flows.submission.stages.stage import ingest_events_of
from flows.submission.workspace import locked_workspace
from preservation.errors import AlreadyExistsError, NotFoundError, UnavailableError
from preservation.model.identifiers import ObjectId
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Conclusion


def abandon(
    object_id: ObjectId, installation: Installation, *, because: str, by: str, dry_run: bool = False
) -> str:
    """End the submission of an object that was left; return the sentence that the journal gets.

    What it had begun in stores is removed. One that was kept or has ended, and was not answered, is answered.

    Raises ``NotFoundError`` where none was left, ``AlreadyExistsError`` where its drop is still there,
    ``UnavailableError`` where a run works on it, or where it cannot be seen whether its drop is gone, and
    ``StorageError`` where a store or the catalogue is away.
    """
    with locked_workspace(installation.settings.processing, object_id) as workspace:
        if not workspace.claim.exist:
            raise NotFoundError(
                f"{object_id}: no submission of it is on its way; muniment status shows those that are"
            )
        submission = workspace.submission
        place = printable(os.fspath(submission.drop))
        if _is_there(submission.drop):
            raise AlreadyExistsError(
                f"{object_id}: its drop is at {place}, so it can go on: preserve it again, or move it away"
            )
        if is_registered(workspace, installation):
            if not dry_run:
                REGISTER.run(workspace, installation)
                answer([workspace], installation)
            return f"{object_id} is kept; only its answer was missing."
        for ending in workspace.ending.so_far:
            if ending.verdict in FOR_GOOD:
                if not dry_run:
                    answer([workspace], installation)
                return f"{object_id} had ended as {ending.verdict.value}; only its answer was missing."
        sentence = (
            f"Abandoned by {printable(by)}: {printable(because)}. Its drop, {place}, is gone; "
            "the catalogue has no version of it."
        )
        if not dry_run:
            at = now()
            ended = ingest_events_of(workspace).ended(Verdict.INTERRUPTED, sentence, at)
            conclusion = Conclusion(submission, Verdict.INTERRUPTED, at, sentence)
            installation.catalogue.conclude(conclusion, (ended,))
            discard(workspace, installation)
        return sentence


def _is_there(drop: Path) -> bool:
    """Return whether the drop is there. Raises ``UnavailableError`` where its place cannot be looked at."""
    try:
        os.lstat(drop)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UnavailableError(
            f"{printable(os.fspath(drop))} cannot be looked at ({error.strerror}), so the drop may be there; "
            "check its disk, then try again"
        ) from error
    return True
