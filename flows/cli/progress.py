"""How far a command is, in one line of the terminal that is renewed in place."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

_EVERY_SECONDS = 0.5
_CLEARED = "\r\x1b[2K"
_WIDEST = 200


@contextmanager
def shown_in_terminal(line: Callable[[], str]) -> Iterator[None]:
    """Show ``line()`` on stderr while the context lasts, and nothing where that is no terminal.

    ``line`` is called from a thread of its own, and returns printable text.
    """
    if not sys.stderr.isatty():
        yield
        return
    over = Event()

    def work() -> None:
        while not over.wait(_EVERY_SECONDS):
            columns = shutil.get_terminal_size((_WIDEST, 24)).columns
            sys.stderr.write(f"{_CLEARED}{line()[: columns - 1]}")
            sys.stderr.flush()

    thread = Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sys.stderr.write(_CLEARED)
        sys.stderr.flush()
