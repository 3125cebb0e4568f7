"""The little that a caged process gets to know of its surroundings."""

from __future__ import annotations

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"

MINIMAL = {
    "PATH": SEARCH_PATH,
    "LANG": "C.UTF-8",
    # One thread a process: the pools above decide how many cores are used, and each thread of a numeric
    # library would take its share of the address space.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "GOMAXPROCS": "1",
    # Siegfried's runtime (Go) else lets garbage grow to as much as it holds, which shows with many files.
    "GOGC": "40",
}
