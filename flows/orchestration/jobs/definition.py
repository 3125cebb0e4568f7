"""The definition of a job: its form, flow and description, in the module that is named after its flow."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.installation.jobs import Job
from preservation.errors import ConfigurationError

_Form = TypeVar("_Form", bound=BaseModel)


class JobParameters(BaseModel):
    """The fields of every job's form."""

    model_config = ConfigDict(extra="forbid", title="Parameters")

    directory: str = Field(
        title="Installation",
        min_length=1,
        description="The installation's directory, as the worker sees it: where muniment.toml is.",
    )


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """A job as operators see it: its form in the Prefect UI, and a description of its ends.

    The flow is in the same module, under the job's flow name.
    """

    job: Job
    form: type[JobParameters]
    description: str


def entrypoint_of(job: Job) -> str:
    """Return where the job's flow is imported from."""
    return f"{_module_of(job)}.{job.flow_name}"


def job_definitions() -> Iterator[JobDefinition]:
    """Yield the definition of every job."""
    for job in Job:
        definition = import_module(_module_of(job)).DEFINITION
        if not isinstance(definition, JobDefinition) or definition.job is not job:
            raise TypeError(f"{_module_of(job)}.DEFINITION does not define {job}")
        yield definition


def parse_form(form: type[_Form], parameters: Any, what: str = "parameters") -> _Form:  # noqa: ANN401  JSON
    """Return ``what`` a run has as that form. Raises ``ConfigurationError`` where it is not valid."""
    try:
        return form.model_validate(parameters)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or what}: {fault['msg']}" for fault in error.errors()
        )
        raise ConfigurationError(f"the run's {what}: {faults}; start it anew") from error


def _module_of(job: Job) -> str:
    return f"{__package__}.{job.flow_name}"
