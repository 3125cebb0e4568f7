"""The parameters of the deployment ``preserve drops``: the form in the Prefect UI, and its JSON."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field

from flows.orchestration.jobs.definition import JobParameters, parse_form
from flows.submission.drop import DropRequest, name_of
from preservation.model.paths import is_utf8

_FILE_URL = "file://"


class DropParameters(BaseModel):
    """One drop."""

    model_config = ConfigDict(extra="forbid", title="Drop")

    path: str = Field(
        title="Path",
        min_length=1,
        description=(
            "Where the drop lies: the whole path of a folder, a file or a bag, as the worker sees it. "
            "A name that is no text is given as a file: URL."
        ),
    )
    collection: str = Field(
        title="Collection",
        min_length=1,
        description="The collection it is for; its policy governs what is done.",
    )
    object_name: str = Field(
        default="", title="Object", description="The object that it becomes; empty: it is called as the drop."
    )
    approved_by: str = Field(
        default="",
        title="Approved by",
        description="Who answers what an earlier try was waiting for; only together with the reason.",
    )
    because: str = Field(
        default="", title="Because", description="Why it may be kept, where a person was asked."
    )
    taken: str = Field(
        default="",
        title="Taken as",
        description="Which of the drops taken from an inbox this is; empty for any other.",
    )

    def as_drop(self) -> DropRequest:
        """Return the drop that the form describes."""
        path = _path_of(self.path)
        return DropRequest(
            path,
            self.collection,
            self.object_name or name_of(path),
            approved_by=self.approved_by,
            because=self.because,
            taken=self.taken,
        )


class PreserveParameters(JobParameters):
    """The form of the flow ``preserve``."""

    drops: list[DropParameters] = Field(
        title="Drops", min_length=1, description="What is to be preserved; small drops may share a run."
    )


def parameters_of(directory: Path, drops: Iterable[DropRequest]) -> dict[str, Any]:
    """Return the parameters of a run for ``drops``, as JSON."""
    asked = [
        DropParameters(
            path=_text_of(drop.path),
            collection=drop.collection,
            # A name that is not text cannot name an object; the path carries it.
            object_name=drop.object_name if is_utf8(drop.object_name) else "",
            approved_by=drop.approved_by,
            because=drop.because,
            taken=drop.taken,
        )
        for drop in drops
    ]
    return PreserveParameters(directory=str(directory), drops=asked).model_dump(mode="json")


def parse_drops(drops: Iterable[Any]) -> list[DropRequest]:
    """Return the drops of a run's parameters, which are drops or a deployment's JSON.

    Raises ``ConfigurationError`` for what cannot be a drop.
    """
    return [
        one if isinstance(one, DropRequest) else parse_form(DropParameters, one, "parameter drops").as_drop()
        for one in drops
    ]


def _text_of(path: Path) -> str:
    text = str(path)
    return text if text.isprintable() and not text.startswith(_FILE_URL) else path.as_uri()


def _path_of(text: str) -> Path:
    if text.startswith(_FILE_URL):
        return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_FILE_URL))))
    return Path(text)
