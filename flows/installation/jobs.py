"""The jobs. A new job is a member here, and a module in ``flows.orchestration.jobs``."""

from enum import StrEnum
from typing import Self


def flow_name_of(deployment: str) -> str:
    """Return the name of the flow that a deployment of ours runs: the first word of its own."""
    return deployment.partition(" ")[0]


def full_name_of(deployment: str) -> str:
    """Return a deployment's full name in Prefect: flow and deployment."""
    return f"{flow_name_of(deployment)}/{deployment}"


class Job(StrEnum):
    """A job, with the name of its deployment in Prefect, which begins with the name of its flow.

    ``cron`` is its schedule unless ``[schedules]`` has another; ``None``: never. ``summary`` says what the
    job does.
    """

    cron: str | None
    summary: str

    CLEAR = "clear accepted", "30 2 * * *", "removes from accepted/ what is due"
    SEAL_JOURNAL = "seal journal", "15 4 * * *", "gives stores and witnesses the journal"
    VERIFY_JOURNAL = "verify journal", "30 4 * * *", "checks that the journal was not altered"
    FILL_STORES = "fill stores", "30 3 * * *", "copies into each store what it lacks"
    AUDIT = "audit replicas", "0 1 * * *", "reads again what was not read for longest, and compares it"
    REPAIR_DAMAGE = "repair damage", "0 5 * * *", "repairs damage that a person approved"
    DRILL = "drill restores", "0 5 * * 6", "restores some versions from each store alone, as a trial"
    REPORT = "report holdings", "0 6 1 * *", "reports what is kept, in numbers"
    RESTORE = "restore package", None, "restores an object, or some of its files, from the stores"

    def __new__(cls, name: str, cron: str | None, summary: str) -> Self:
        """Make a member that is its name."""
        job = str.__new__(cls, name)
        job._value_ = name
        job.cron = cron
        job.summary = summary
        return job

    @property
    def flow_name(self) -> str:
        """The flow's name, and the name of the module that defines it."""
        return flow_name_of(self)

    @property
    def full_name(self) -> str:
        """Prefect's full name of the deployment: flow and deployment."""
        return full_name_of(self)

    @property
    def setting(self) -> str:
        """The job's name in ``[schedules]``."""
        return self.name.lower()
