"""A replica written in a process of its own.

With many small files it is the interpreter that writers wait for, and the threads of a process share one.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO

from preservation.tools.kernel import die_with_parent
from storage.replication.outcomes import StoreOutcome, Verified
from storage.replication.progress import Progress
from storage.replication.replica_writer import ReplicaWriter


def written_in_own_process(writer: ReplicaWriter) -> StoreOutcome:
    """Have ``writer``, whose store is portable, do its work in another process; return the outcome.

    Its progress is reported here, and the time is this process's. Where the other process dies, the work
    continues here from what there is. Raises ``OSError`` where no process can be started.
    """
    sent = pickle.dumps(replace(writer, progress=None, clock=partial(datetime.now, UTC)))
    # -I leaves the environment out, PYTHONUTF8 too.
    command = [sys.executable, "-I", "-B", "-X", "utf8", "-m", __name__, str(os.getpid())]
    with subprocess.Popen(  # noqa: S603  argv list, no shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            for message in _exchanged(process, sent):
                match message:
                    case Progress():
                        if writer.progress is not None:
                            writer.progress(message)
                    case Verified(replica):
                        return Verified(replace(replica, verified_at=writer.clock()))
                    case outcome:
                        return outcome
        finally:
            # It holds nothing that could be lost, and must not go on for a caller that has left.
            process.kill()
    return writer.write()


def _exchanged(process: subprocess.Popen[bytes], sent: bytes) -> Iterator[Progress | StoreOutcome]:
    """Send the writer and yield what comes back, up to the outcome or the process's end."""
    if process.stdin is None or process.stdout is None:
        return
    try:
        process.stdin.write(sent)
        process.stdin.close()
        while True:
            yield pickle.load(process.stdout)  # noqa: S301  from a process that is ours and runs only this
    except (BrokenPipeError, EOFError, pickle.UnpicklingError):
        return


def _report(message: Progress | StoreOutcome, sink: BinaryIO) -> None:
    pickle.dump(message, sink)
    sink.flush()


def main() -> None:
    """Write what comes on standard input; report progress and outcome on standard output."""
    die_with_parent(int(sys.argv[1]))
    # Ctrl-C is meant for the program that started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = sys.stdout.buffer
    writer: ReplicaWriter = pickle.load(sys.stdin.buffer)  # noqa: S301  from the process that started this one
    _report(replace(writer, progress=lambda progress: _report(progress, sink)).write(), sink)


if __name__ == "__main__":
    main()
