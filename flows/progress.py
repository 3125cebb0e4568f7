"""The log, for whoever waits at a terminal or looks into the Prefect UI, and sizes as they are read there."""

from __future__ import annotations

import logging

LOG = logging.getLogger("muniment")
"""What operators read. It may be lost; what must not be is in the journal."""

_UNITS = ("B", "KB", "MB", "GB", "TB")
_STEP = 1000


def human_size(size: float) -> str:
    """Return a size in bytes as people write it: ``4.1 GB``."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.1f} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"
