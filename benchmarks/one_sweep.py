"""A first sweep of the inboxes, in a process of its own: ``python one_sweep.py INSTALLATION``.

It looks at every file. What is printed is one line of JSON: the seconds of wall and of processor time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from flows.inboxes.service import InboxService
from flows.installation.settings_file import load_settings


def main() -> None:
    """Do it."""
    watching = InboxService(load_settings(Path(sys.argv[1])), lambda _: None)
    wall, cpu = time.perf_counter(), time.process_time()
    watching.sweep()
    figures = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
