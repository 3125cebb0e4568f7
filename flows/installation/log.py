"""The log, for the terminal and the Prefect UI."""

from __future__ import annotations

import logging

LOG = logging.getLogger("muniment")
"""What operators read. It may be lost; what must not be lost is in the journal."""
