"""One audit, in a process of its own: ``python one_audit.py INSTALLATION STORE [OBJECT]``.

Everything is imported before the clock starts, as it is in the service's process from which runs are forked.
Prints that it is ready, waits until its standard input ends, and prints one line of JSON: seconds of wall and
processor time, those of them in catalogue, journal and state of audits, the peak of this process in MiB, and
how many files were as they were kept.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.processes import peak_memory
from flows.archive.audit import audit_installation
from flows.archive.audit_request import requested
from flows.installation.settings_file import load_settings
from storage.audits.sql import SqlAudits
from storage.audits.work import AuditResult
from storage.catalogue.sql import SqlCatalogue
from storage.journal.sql import SqlJournal
from storage.ports.stores import unwatched

_RECORDS = {
    SqlCatalogue: ("package", "store_identities"),
    SqlJournal: ("about", "append"),
    SqlAudits: ("collections", "unread", "claim", "claim_package", "reach", "conclude", "record_damage"),
}


def main() -> None:
    """Audit and say what it took. Exits where something is not as it was kept."""
    settings = load_settings(Path(sys.argv[1]))
    request = requested(
        store=sys.argv[2], object_name=sys.argv[3] if sys.argv[3:] else "", everything=not sys.argv[3:]
    )
    spent = [0.0]
    for kind, names in _RECORDS.items():
        for name in names:
            setattr(kind, name, _timed(getattr(kind, name), spent))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    wall, cpu = time.perf_counter(), _cpu()
    results = list(audit_installation(settings, request, read=unwatched))
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - cpu,
        "records": spent[0],
        "peak": peak_memory(os.getpid()) / (1 << 20),
        "confirmed": sum(one.confirmed for one in results if isinstance(one, AuditResult)),
    }
    if not all(isinstance(one, AuditResult) and one.is_sound for one in results):
        sys.exit(f"not as it was kept: {results[:3]}")
    sys.stdout.write(json.dumps(figures) + "\n")


def _cpu() -> float:
    return sum(chain.from_iterable(resource.getrusage(who)[:2] for who in _OF_THIS))


_OF_THIS = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _timed(work: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:  # noqa: ANN401  passes on whatever the work takes and returns
        began = time.perf_counter()
        try:
            found = work(*given, **named)
            # What it yields it looks up as it goes.
            return iter(list(found)) if hasattr(found, "__next__") else found
        finally:
            spent[0] += time.perf_counter() - began

    return timed


if __name__ == "__main__":
    main()
