"""What is asked of a caged worker, and the ways in which that ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NewType, TypeAlias

import msgspec

Json: TypeAlias = Any
"""What JSON can say. Comes from a process that may have been taken over: convert it, never trust it."""

JobName = NewType("JobName", str)
"""``package.module:function``; the function takes (arguments, inputs, outputs) and returns JSON."""

NOT_ABOUT_CONTENT = (MemoryError, ImportError, NameError)
"""What a job lets through where it catches all else: a limit, or a fault of Muniment, but no finding.

A file called damaged because a module could not be loaded is the worst that screening could do.
"""


@dataclass(frozen=True, slots=True)
class Request:
    """One job on files. ``inputs`` are opened for reading, ``outputs`` created, and both handed over open.

    What lies under the name of an output already is left over from a run that was killed, and is removed.
    ``pipes`` are open descriptors that the job writes to while it works, after its outputs; they stay the
    caller's. A request with pipes is not tried again: what has come through them cannot be taken back.
    ``more_seconds`` is what it may take beyond the limits, of CPU time and of wall time, because it is long.
    """

    job: JobName
    arguments: Mapping[str, Json]
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...] = ()
    pipes: tuple[int, ...] = ()
    more_seconds: int = 0


class Completed(msgspec.Struct, frozen=True, tag="completed"):
    """The job returned ``value``, and its outputs are there."""

    value: Json


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The job, or the library that it uses, does not accept the content."""

    reason: str


class Exhausted(msgspec.Struct, frozen=True, tag="exhausted"):
    """The job needed more than it may take. ``limit`` names what, ``detail`` how much it had."""

    limit: str
    detail: str


class Died(msgspec.Struct, frozen=True, tag="died"):
    """The process ended in the middle of the job: a library crashed over its content."""

    detail: str


WorkOutcome: TypeAlias = Completed | Refused | Exhausted | Died
