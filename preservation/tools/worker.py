"""A caged worker: started by ``CagedWorkers`` as ``python -I -m preservation.tools.worker``.

WorkOrder matters here. The process shuts itself in first, while it has one thread. Then it imports what its
jobs need, still as the user who started it: the libraries may lie below a folder that ``nobody`` may not
enter. Then it gives up root. A job's module must therefore import all it needs when it is imported.
"""

import contextlib
import encodings
import errno
import fcntl
import gc
import importlib
import logging
import os
import pkgutil
import socket
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

from preservation.errors import PreservationError, ToolError, UnacceptableContentError
from preservation.tools import confinement, kernel, wire
from preservation.tools.limits import Limits
from preservation.tools.work import Completed, Exhausted, JobName, Json, Refused

_LONGEST_REASON = 500
_ABOVE_RESERVED = 32


class WorkFunction(Protocol):
    """What ``package.module:function`` names.

    It raises ``UnacceptableContentError`` for content that it refuses; whatever else a library raises
    is a refusal too, reported with the library's name.
    """

    def __call__(
        self, arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], outputs: Sequence[BinaryIO], /
    ) -> Json:
        """Do the work on open files, all at their beginning."""


def main() -> None:
    """Shut this process in and serve requests until the parent has gone."""
    channel = _channel(int(sys.argv[1]))
    setup = wire.receive_setup(channel)
    try:
        _enter_cage(setup)
    except (PreservationError, OSError, ImportError, MemoryError) as error:
        wire.send_answer(channel, wire.Unable(f"a caged worker cannot start: {error!r}"))
        return
    wire.send_answer(channel, wire.Ready())
    while (received := wire.receive_order(channel)) is not None:
        order, descriptors = received
        confinement.allow_cpu(setup.limits.cpu_seconds + order.more_seconds)
        wire.send_answer(channel, _answer(order, descriptors, setup.limits))


def _channel(number: int) -> socket.socket:
    """Return the socket to the parent, away from the low numbers, of which a job may reserve one."""
    moved = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _ABOVE_RESERVED)
    os.close(number)
    return socket.socket(fileno=moved)


def _enter_cage(setup: wire.Setup) -> None:
    kernel.die_with_parent(setup.parent)
    openable = [Path(wire.unpacked(path)) for path in setup.openable or ()]
    confinement.confine(readable=confinement.needed_by_python(), openable=openable)
    # Libraries remark on every damaged file; no process reads it here.
    warnings.simplefilter("ignore")
    logging.disable()
    if setup.openable is not None:
        # Before the imports: threads that a library starts must not be without the right that is kept.
        confinement.become_nobody(who_reads_all=True)
    # What is imported stays: to look through it for garbage, again and again, takes a twelfth of the start.
    gc.disable()
    for name in setup.preload:
        importlib.import_module(name)
    gc.enable()
    if os.geteuid() == 0:
        _import_encodings()
    confinement.apply(setup.limits)
    confinement.become_nobody()
    kernel.die_with_parent(setup.parent)
    confinement.allow_calls()


def _import_encodings() -> None:
    """Import what Python imports when bytes are decoded: as ``nobody`` it might seem that there is none."""
    for module in pkgutil.iter_modules(encodings.__path__):
        # Two of them exist on Windows only.
        with contextlib.suppress(ImportError):
            importlib.import_module(f"encodings.{module.name}")


def _answer(order: wire.WorkOrder, descriptors: list[int], limits: Limits) -> wire.Answer:
    inputs = [os.fdopen(number, "rb") for number in descriptors[: order.inputs]]
    pipes = descriptors[order.inputs + order.outputs :]
    outputs: list[BinaryIO] = [os.fdopen(number, "wb") for number in pipes]
    outputs[:0] = [os.fdopen(number, "r+b") for number in descriptors[order.inputs :][: order.outputs]]
    try:
        return _perform(order, inputs, outputs, limits)
    finally:
        for stream in (*inputs, *outputs):
            # What could not be written has been answered for already.
            with contextlib.suppress(OSError):
                stream.close()


def _perform(
    order: wire.WorkOrder, inputs: Sequence[BinaryIO], outputs: Sequence[BinaryIO], limits: Limits
) -> wire.Answer:
    try:
        value = _job_named(order.job)(order.arguments, inputs, outputs)
        for stream in outputs:
            stream.close()
    except Exception as error:  # noqa: BLE001  whatever a parser raises about hostile content is an answer
        return _answer_to(error, limits)
    return Completed(value)


def _answer_to(error: Exception, limits: Limits) -> wire.Answer:  # noqa: PLR0911  one line a kind of error
    match error:
        case UnacceptableContentError():
            return Refused(str(error))
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return Exhausted("memory", f"{limits.address_space >> 20} MiB of address space")
        case OSError(errno=errno.EFBIG):
            return Exhausted("file size", f"{limits.file_size} bytes for one file")
        case OSError(errno=errno.EMFILE):
            return Exhausted("open files", f"{limits.open_files} open files")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return wire.NoSpace()
        case ToolError():
            return wire.Unable(str(error))
        case ImportError() | NameError():
            return wire.Unable(f"a fault of Muniment, not of the file, in a caged worker: {error!r}")
        case _:
            return Refused(_reason_of(error))


def _reason_of(error: Exception) -> str:
    """``pypdf: PdfReadError: message``: whose word it is, since the word is the library's, not ours."""
    library = type(error).__module__.partition(".")[0]
    if library == "builtins":
        library = _library_that_raised(error)
    message = str(error).encode("utf-8", "backslashreplace").decode()
    return f"{library}: {type(error).__name__}: {' '.join(message.split())[:_LONGEST_REASON]}"


def _library_that_raised(error: Exception) -> str:
    step = error.__traceback__
    name = "python"
    while step is not None:
        name = str(step.tb_frame.f_globals.get("__name__", name))
        step = step.tb_next
    return name.partition(".")[0]


@lru_cache
def _job_named(name: JobName) -> WorkFunction:
    module, _, function = name.partition(":")
    if not module.startswith("preservation."):
        raise ImportError(f"{name} is not part of Muniment")
    job: WorkFunction | None = getattr(importlib.import_module(module), function, None)
    if job is None:
        raise ImportError(f"{module} has no job {function!r}")
    return job


if __name__ == "__main__":
    main()
