"""``[versions]``: what a drop means whose object is kept already, and that differs from what is kept."""

from enum import StrEnum

from pydantic import Field

from preservation.policy.words import PolicyTable


class VersionAction(StrEnum):
    """What becomes of such a drop. What is kept stays in its version in any case."""

    KEEP = "keep"
    ASK = "ask"
    REJECT = "reject"


class RemovedAction(StrEnum):
    """What becomes of a drop that lacks files of the version before; ``COMPLETE`` brings them from there."""

    KEEP = "keep"
    ASK = "ask"
    REJECT = "reject"
    COMPLETE = "complete"


class Versions(PolicyTable):
    """``[versions]``: what comes after the first version of an object."""

    removed: RemovedAction = Field(
        default=RemovedAction.KEEP,
        strict=False,
        description="what becomes of a drop that lacks files of the version before: it is kept with a "
        "warning, it waits for a person, it is rejected, or it is completed with these files",
    )
    unrelated: VersionAction = Field(
        default=VersionAction.KEEP,
        strict=False,
        description="the same of a drop that has no file in common with the version before, neither by "
        "content nor by name",
    )
