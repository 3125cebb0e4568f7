"""Secrets of the channels: from the environment, or from a file that it names. They are no settings."""

from __future__ import annotations

import os
from pathlib import Path

from preservation.errors import ConfigurationError
from preservation.model.paths import printable


def secret(variable: str) -> str:
    """Return the secret in ``variable``, or in the file that ``<variable>_FILE`` names; empty for none.

    It is read each time, so that it can be changed while the service runs. Raises ``ConfigurationError``
    where that file cannot be read.
    """
    file = os.environ.get(f"{variable}_FILE", "")
    if not file:
        return os.environ.get(variable, "")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(
            f"{variable}_FILE: {printable(file)} cannot be read ({reason}); let the service read it"
        ) from error
