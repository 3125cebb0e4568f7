"""Names are bytes, and UTF-8 to Muniment, in whatever locale it is started."""

import io
import locale
import os
import sys

_IN_UTF8 = ["-X", "utf8"]
_NO_LOCALE = ("C", "POSIX")


def use_utf8() -> None:
    """Start this process anew in Python's UTF-8 mode (PEP 540) where the locale gives it another encoding.

    In a Latin-1 locale, Python reads the bytes of a name as Latin-1: written to a manifest in UTF-8, they
    would name no file that is there. Processes that this one starts inherit the mode.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"
    sys.stdout.flush()
    # The number of the process stays. Its words are the same bytes in either encoding.
    os.execv(sys.executable, [sys.executable, *_IN_UTF8, *sys.orig_argv[1:]])  # noqa: S606  our own program


def escape_on_terminals() -> None:
    """Write text for people in the encoding of their locale, and what that lacks as escapes."""
    encoding = _encoding_of_terminals()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _encoding_of_terminals() -> str | None:
    """Return the encoding of the locale; ``None`` where it has none, or the user asked for one of Python."""
    if "PYTHONIOENCODING" in os.environ or locale.setlocale(locale.LC_CTYPE) in _NO_LOCALE:
        return None
    return locale.getencoding()
