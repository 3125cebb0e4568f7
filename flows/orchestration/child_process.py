"""Runs the flow ``preserve`` in a child of this process, so that what ends the run ends nothing else.

The kernel may end a process at any moment: for want of memory (SIGKILL), or since a file that it has mapped
was cut short (SIGBUS). Where several drops share a run, it is not known which of them did it: each then has
a run of its own.
"""

import os
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from flows.installation.log import LOG
from flows.submission.answer import RunResult, interrupted
from flows.submission.drop import DropRequest
from preservation.tools.kernel import die_with_parent

Run = Callable[[list[DropRequest]], RunResult]


def run_in_children(run: Run, drops: list[DropRequest]) -> RunResult:
    """Return the result of ``run(drops)``, which is called in a child process.

    Where that is killed, each drop has a child of its own; the result of one whose child is killed too is
    *interrupted*. No other thread may run in this process.
    """
    result = _run_in_child(run, drops)
    if isinstance(result, RunResult):
        return result
    if len(drops) == 1:
        return RunResult([interrupted(drops[0], _sentence_of(result))])
    LOG.warning("the run of %d drops was ended by %s; each of them has its own run now", len(drops), result)
    alone = [run_in_children(run, [drop]) for drop in drops]
    fault = next((one for one in alone if one.fault), RunResult([]))
    return RunResult([one.results[0] for one in alone], fault.fault, fault.exit_code)


def _run_in_child(run: Run, drops: list[DropRequest]) -> RunResult | str:
    """Return the result, or what ended the process before it had one."""
    parent, (source, sink) = os.getpid(), os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(source)
        os.close(sink)
        raise
    if pid == 0:
        os.close(source)
        _become_run(parent, sink, run, drops)
    os.close(sink)
    try:
        with os.fdopen(source, "rb") as answer:
            sent = answer.read()
    except BaseException:
        # Ctrl-C in a terminal reaches both; a signal that is sent to this process only is passed on.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 0:
        result: RunResult = pickle.loads(sent)  # noqa: S301  from a fork of this process
        return result
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _become_run(parent: int, sink: int, run: Run, drops: list[DropRequest]) -> None:
    """Send the result of the run and end this process, without what its parent does at its own end."""
    code = 1
    try:
        die_with_parent(parent)
        with os.fdopen(sink, "wb") as answer:
            pickle.dump(run(drops), answer)
        code = 0
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001  whatever it is, the process ends with this
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _sentence_of(end: str) -> str:
    if not end.startswith("SIG"):
        return (
            f"Its run ended without a result ({end}), for the reason that is printed above; when that is "
            "mended, preserve it again and it goes on."
        )
    return (
        f"Its run was ended from outside ({end}): the memory was full, a file was cut short while it was "
        "read, or another process ended it. See that there is enough memory and that nothing writes to the "
        "drop, then preserve it again and it goes on."
    )
