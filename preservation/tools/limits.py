"""What a caged process may take of the machine, and what it gets to know of its surroundings."""

from dataclasses import dataclass

MINIMAL = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
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


_MIB = 1 << 20
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one caged process. Sizes in bytes, times in seconds.

    ``address_space`` (RLIMIT_AS) holds for the process; ``cpu_seconds`` and ``wall_seconds`` hold for one
    request.
    """

    address_space: int = 4 * _GIB
    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    file_size: int = 8 * _GIB
    open_files: int = 64

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for limits under which nothing could run."""
        if self.address_space < 256 * _MIB:
            raise ValueError("the interpreter itself needs an address space of 256 MiB")
        if min(self.cpu_seconds, self.wall_seconds, self.file_size) <= 0:
            raise ValueError("a limit must be greater than zero")
        if self.open_files < 16:  # noqa: PLR2004  the interpreter's own, its libraries, and a few
            raise ValueError("a process needs at least 16 open files")
