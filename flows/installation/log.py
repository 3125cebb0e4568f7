"""The log, for whoever waits at a terminal or looks into the Prefect UI."""

from __future__ import annotations

import logging

LOG = logging.getLogger("muniment")
"""What operators read. It may be lost; what must not be is in the journal."""
