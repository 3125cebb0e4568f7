"""One whole way of a drop, in a process of its own: ``python whole_way.py INSTALLATION API-URL DROP``.

Prefect is imported and the server is up before the clock starts; what is printed is one line of JSON:
seconds of wall and processor time, peak memory in MiB of this process and of the caged ones.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from uuid import uuid4

from flows.drops import Drop
from flows.running import run_preserve
from flows.serving import PrefectApi
from flows.settings import load_settings


def _cpu() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    """Preserve the drop under a new name and say what it took."""
    installation, api_url, drop = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    settings = load_settings(installation)
    warm_up = Drop(installation / "muniment.toml", "files", f"warm-up-{uuid4().hex}")
    run_preserve(settings, PrefectApi(api_url), [warm_up])
    wall, cpu = time.perf_counter(), _cpu()
    [told] = run_preserve(settings, PrefectApi(api_url), [Drop(drop, "files", f"drop-{uuid4().hex}")])
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "verdict": told.ending.verdict.value,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
