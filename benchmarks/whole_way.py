"""One run on its whole way, in a process of its own: ``python whole_way.py INSTALLATION API-URL DROP...``.

Prefect is imported and the server is up before the clock starts. What is printed is one line of JSON:
how all ended; seconds of wall and processor time; seconds of wall time in each stage's own work; peak
memory in MiB of this process and of the largest caged one.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from flows import answering
from flows.drops import Drop
from flows.running import in_runs, run_preserve
from flows.serving import PrefectApi
from flows.settings_file import load_settings
from flows.stages.all import STAGES

RECEIPTS = "receipts"
"""What is work and no orchestration, though it has no stage of its own."""


class Seconds:
    """The seconds of wall time that each kind of work took."""

    def __init__(self) -> None:
        self.by_work: dict[str, float] = {}

    def of(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``work``, timed under ``name``."""

        def timed(*given: Any) -> Any:  # noqa: ANN401  passes on whatever the work takes and returns
            with self._added_to(name):
                result = work(*given)
                # A stage tells its events as it goes: it is done when the last one is told.
                return tuple(result) if isinstance(result, Iterator) else result

        return timed

    @contextmanager
    def _added_to(self, name: str) -> Iterator[None]:
        before = time.perf_counter()
        try:
            yield
        finally:
            self.by_work[name] = self.by_work.get(name, 0.0) + time.perf_counter() - before


def _cpu() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    """Preserve the drops under new names and say what it took."""
    installation, api_url, drops = Path(sys.argv[1]), sys.argv[2], [Path(given) for given in sys.argv[3:]]
    settings = load_settings(installation)
    api = PrefectApi(api_url)
    run_preserve(settings, api, [Drop(installation / "muniment.toml", "files", f"warm-up-{uuid4().hex}")])
    seconds = Seconds()
    for name, stage in STAGES.items():
        STAGES[name] = replace(stage, work=seconds.of(name, stage.work))
    answering.render = seconds.of(RECEIPTS, answering.render)
    wall, cpu = time.perf_counter(), _cpu()
    named = [Drop(drop, "files", f"drop-{uuid4().hex}") for drop in drops]
    outcomes = [run_preserve(settings, api, together) for together in in_runs(named, settings)]
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - cpu,
        "main": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "caged": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "seconds": seconds.by_work,
        "verdicts": sorted({told.ending.verdict.value for outcome in outcomes for told in outcome.told}),
        "fault": " ".join(outcome.fault for outcome in outcomes).strip(),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
