"""The command's entry point: runs a verb, and turns every error into a sentence and an exit code."""

import errno
import gc
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from flows.cli.encoding import escape_on_terminals, use_utf8
from flows.cli.output import note
from preservation.errors import PreservationError, StorageError
from preservation.model.paths import printable

_RIGHTS: Final = "let this account read and write there, or choose another place"
_DISK: Final = "check its disk"
_OF_THE_MACHINE: Final = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "mount its disk for writing, or choose another place",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.ENOTDIR: "choose a place whose parent is a folder",
    errno.EISDIR: "name a file, not a folder",
    errno.ELOOP: "choose a place that links do not lead round to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: _DISK,
    errno.ESTALE: _DISK,
}
"""What a path that a user named may meet, whatever the verb, and what to do then."""

_CANCELLED = 130
_OUTPUT_CLOSED = 141
"""As shells report a program that SIGPIPE ended."""


def main() -> None:
    """Run the command. A traceback is printed only if ``MUNIMENT_TRACEBACK`` is set."""
    use_utf8()
    escape_on_terminals()
    try:
        _run(sys.argv[1:])
    except PreservationError as error:
        _print_traceback_if_set()
        note(f"muniment: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        note("muniment: cancelled; run the same command again to go on where it was")
        sys.exit(_CANCELLED)
    except BrokenPipeError:
        # The reader of our output has gone (``muniment … | head``): no more is needed, but it is no success.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_OUTPUT_CLOSED)
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE or error.filename is None:
            _end_unexpectedly(error)
        _print_traceback_if_set()
        place = printable(os.fsdecode(error.filename))
        note(f"muniment: {place}: {error.strerror}; {_OF_THE_MACHINE[error.errno]}")
        sys.exit(StorageError.exit_code)
    except Exception as error:  # noqa: BLE001  the last guard before the user: everything else is a fault of ours
        _end_unexpectedly(error)


def _end_unexpectedly(error: Exception) -> NoReturn:
    _print_traceback_if_set()
    note(
        f"muniment: unexpected {type(error).__name__}: {error}\n"
        "  This is a fault in Muniment, not in your files, and nothing was lost. "
        "Set MUNIMENT_TRACEBACK=1 and run it again to see where."
    )
    sys.exit(1)


def _run(arguments: list[str]) -> None:
    if arguments[:1] == ["validate"]:
        from flows.cli.validating import needs_no_parser, validate_all

        if needs_no_parser(arguments[1:]):
            # A validation makes no reference cycles, and looking for them takes a tenth of the time.
            gc.disable()
            json = "--json" in arguments
            sys.exit(validate_all((Path(word) for word in arguments[1:] if word != "--json"), json=json))
    from flows.cli.application import application

    application(arguments[0] if arguments else "")()


def _print_traceback_if_set() -> None:
    if os.environ.get("MUNIMENT_TRACEBACK"):
        sys.excepthook(*sys.exc_info())


if __name__ == "__main__":
    main()
