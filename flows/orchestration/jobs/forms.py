"""What runs of the jobs are asked: the forms in the Prefect UI."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.archive.restore import RestoreRequest
from preservation.errors import ConfigurationError
from preservation.model.identifiers import StoreName, VersionNumber, object_id_named

_Form = TypeVar("_Form", bound=BaseModel)


class _JobParameters(BaseModel):
    model_config = ConfigDict(extra="forbid", title="Parameters")

    directory: str = Field(
        title="Installation",
        min_length=1,
        description="The installation's directory, as the worker sees it: where muniment.toml is.",
    )


class ClearParameters(_JobParameters):
    """What the flow ``clear`` is asked."""

    dry_run: bool = Field(
        default=False,
        title="Dry run",
        description="Read everything back and say what would be removed; remove nothing.",
    )


class VerifyParameters(_JobParameters):
    """What the flow ``verify`` is asked."""

    copy_at: str = Field(
        default="",
        title="Copy",
        pattern="^(/.*)?$",
        description=(
            "The whole path of an exported journal, or of the folder _journal of a store, as the worker "
            "sees it. Empty: the living journal, compared with the signed heads in every store."
        ),
    )


class RestoreParameters(_JobParameters):
    """What the flow ``restore`` is asked."""

    object_name: str = Field(
        title="Object",
        pattern="^[^/]+/[^/]+$",
        description="What to restore, written collection/object, for example maps/sheet-012.",
    )
    target: str = Field(
        title="Target",
        pattern="^/.",
        description=(
            "The whole path of the folder that the files go to, as the worker sees it; it is made if need "
            "be, and nothing in it is overwritten."
        ),
    )
    object_version: int = Field(
        default=0, title="Version", ge=0, description="Which version to restore; 0: the latest there is."
    )
    files: list[str] = Field(
        default_factory=list,
        title="Files",
        description="Only these files, as dropped or by their path in the bag; none named: all originals.",
    )
    whole: bool = Field(
        default=False,
        title="Whole bag",
        description="The complete bag instead of the originals, with what lies in earlier versions.",
    )
    store: str = Field(
        default="",
        title="Store",
        description="The store to read first; the others are asked for what it lacks. Empty: in their order.",
    )
    dry_run: bool = Field(
        default=False,
        title="Dry run",
        description="Say what would be restored, and where from; write nothing.",
    )

    @property
    def order(self) -> RestoreRequest:
        """What is ordered. Raises ``ConfigurationError`` where that cannot be."""
        object_id = object_id_named(self.object_name)
        if self.whole and self.files:
            raise ConfigurationError(
                "Whole bag and Files exclude each other: the whole bag, or some files of it"
            )
        return RestoreRequest(
            object_id,
            Path(self.target).resolve(),
            VersionNumber(self.object_version) if self.object_version else None,
            tuple(self.files),
            StoreName(self.store) if self.store else None,
            self.whole,
        )


def asked(form: type[_Form], parameters: dict[str, Any]) -> _Form:
    """Return what a run is asked. Raises ``ConfigurationError`` where it is not as the form has it."""
    try:
        return form.model_validate(parameters)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'parameters'}: {fault['msg']}" for fault in error.errors()
        )
        raise ConfigurationError(f"the run's parameters: {faults}; start it anew") from error
