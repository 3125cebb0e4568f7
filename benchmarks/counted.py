"""Runs a command and says what it took: ``python counted.py DESCRIPTOR COMMAND...``, JSON to the descriptor.

The kernel counts as a process's memory what its parent had when it started it, and the harness has much. So
whatever is to be measured is started by this, which has next to none.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Run it; end with 1 where it failed."""
    descriptor, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(descriptor, False)  # noqa: FBT003  its only parameter
    began = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    took = {
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 1024,
    }
    os.write(descriptor, json.dumps(took).encode())
    sys.exit(0 if status == 0 else 1)


if __name__ == "__main__":
    main()
