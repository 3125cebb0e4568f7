"""What every section of the settings has: its form, and the kinds of values that several of them have."""

import os
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def listed(value: object) -> object:
    """Split what the environment gives as one text, ``2, 10, 30``; an empty text is an empty list."""
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Seconds = Annotated[float, Field(ge=0, le=24 * 60 * 60)]
Waits = Annotated[tuple[Seconds, ...], BeforeValidator(listed), Field(max_length=20)]
"""Seconds to wait before each further try."""

ONE_A_CORE = AfterValidator(lambda number: number or os.cpu_count() or 1)
"""Of a number that may be 0, which stands for the number of cores."""


class Section(BaseModel):
    """One section of ``muniment.toml``: what it does not name is a fault, and nothing of it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
