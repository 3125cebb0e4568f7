"""The log, for the terminal and the Prefect UI; and loops whose errors go to the log only."""

import logging
import threading
from collections.abc import Callable

LOG = logging.getLogger("muniment")
"""The log for operators. It may be lost; what must not be lost is in the journal."""


def repeat(work: Callable[[], object], seconds: float, stopped: threading.Event, trouble: str) -> None:
    """Call ``work`` every ``seconds`` until ``stopped``; log each new error after ``trouble``, raise none."""
    logged = ""
    while not stopped.is_set():
        try:
            work()
            logged = ""
        except Exception as error:  # noqa: BLE001  what reports faults must outlive all of them
            sentence = f"{trouble}: {type(error).__name__}: {error}"
            if sentence != logged:
                LOG.warning("%s", sentence)
            logged = sentence
        stopped.wait(seconds)
