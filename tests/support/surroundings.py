"""Locales and encodings that a process may be started in; those that are not installed are made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

LOCALES: Final = {
    "latin-1": {"LC_ALL": "en_US.ISO-8859-1"},
    "latin-1 by LANG, UTF-8 mode off": {"LANG": "en_US.ISO-8859-1", "PYTHONUTF8": "0"},
    "C": {"LC_ALL": "C"},
    "ASCII": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a locale that is not there": {"LANG": "xx_YY.nonsense"},
    "UTF-8, streams in ASCII": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii:strict"},
    "latin-1, streams in Latin-2": {"LC_ALL": "en_US.ISO-8859-1", "PYTHONIOENCODING": "iso8859-2"},
    "none at all": {},
}
"""Variables of the environment."""


def make_latin_1(folder: Path) -> str:
    """Make the Latin-1 locale in ``folder``, and return that for ``LOCPATH``."""
    command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / "en_US.ISO-8859-1"]
    if (
        shutil.which("localedef") is None
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("localedef makes no locale; install the Debian package locales")
    return str(folder)
