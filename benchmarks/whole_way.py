"""One run on its whole way, in a process of its own: ``python whole_way.py INSTALLATION API-URL DROP...``.

Prefect is imported and the server is up before the clock starts. What is printed is one line of JSON:
how all ended; seconds of wall and processor time; seconds of wall time in each stage's own work; peak
memory in MiB of this process and of the largest caged one.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from uuid import uuid4

from benchmarks.processes import peak_memory
from benchmarks.stage_times import Span, note_work, seconds_by_work
from flows.installation.settings_file import load_settings
from flows.orchestration.environment import PrefectApi
from flows.orchestration.in_process import in_runs, run_preserve
from flows.submission.drop import DropRequest


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
    run_preserve(
        settings, api, [DropRequest(installation / "muniment.toml", "files", f"warm-up-{uuid4().hex}")]
    )
    spans: list[Span] = []
    note_work(spans.append)
    wall, cpu = time.perf_counter(), _cpu()
    named = [DropRequest(drop, "files", f"drop-{uuid4().hex}") for drop in drops]
    outcomes = [run_preserve(settings, api, together) for together in in_runs(named, settings)]
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - cpu,
        "main": peak_memory(os.getpid()) / (1 << 20),
        "caged": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "seconds": seconds_by_work(spans),
        "verdicts": sorted({told.ending.verdict.value for outcome in outcomes for told in outcome.results}),
        "fault": " ".join(outcome.fault for outcome in outcomes).strip(),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
