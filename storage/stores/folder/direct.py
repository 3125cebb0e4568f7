"""Reading many small files from the disk itself by few system calls, as if there were no page cache.

To ask for one file costs the system more than its 4 KB do: a thread that sleeps and is woken, a request to
the disk, a page of the cache. Of many that are asked for at once, those that lie beside each other are one
request. The calls are those of ``io_submit(2)``; Python offers none of them.
"""

import ctypes
import errno
import mmap
import os
import platform
import struct
from collections.abc import Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from preservation.tools.kernel import system_call

MOST_FILES: Final = 64
"""So many are read at once. Each is an open descriptor, of which a process often may have 1,024."""

MOST_BYTES: Final = 4 << 20
"""So much room all of them together have."""

_BLOCK = 4096
"""What is read past the cache goes into whole blocks of memory. This is one for every disk."""

_NUMBERS = MappingProxyType({"x86_64": (206, 207, 208, 209), "aarch64": (0, 1, 4, 2)})
"""io_setup, io_destroy, io_getevents and io_submit, by asm/unistd_64.h and asm-generic/unistd.h."""

_REQUEST = struct.Struct("=QIIHhIQQqQII")
"""``struct iocb`` of linux/aio_abi.h, one request: its number, what to do, descriptor, buffer, length."""

_READ = 0  # IOCB_CMD_PREAD

_EVENT = struct.Struct("=QQqq")
"""``struct io_event``: number, request, how many bytes or which error, another result."""


def room_for(size: int) -> int:
    """Return how much room a file of ``size`` bytes needs: more than it has, so that its end is seen."""
    return (size // _BLOCK + 1) * _BLOCK


class DirectReader:
    """Reads up to ``MOST_FILES`` small files at once. For one thread at a time.

    Raises ``OSError`` where the system offers no such reading, or forbids it.
    """

    def __init__(self) -> None:
        if platform.machine() not in _NUMBERS:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        setup, self._destroy, self._get_events, self._submit = _NUMBERS[platform.machine()]
        self._area = mmap.mmap(-1, MOST_BYTES)
        self._view = memoryview(self._area)
        self._start = _address(self._area)
        self._requests = bytearray(MOST_FILES * _REQUEST.size)
        first = _address(self._requests)
        places = [first + number * _REQUEST.size for number in range(MOST_FILES)]
        self._places = (ctypes.c_uint64 * MOST_FILES)(*places)
        self._events = ctypes.create_string_buffer(MOST_FILES * _EVENT.size)
        self._context = ctypes.c_ulong(0)
        _called(setup, ctypes.c_long(MOST_FILES), ctypes.byref(self._context))

    def read(self, files: Sequence[tuple[int, int]]) -> list[memoryview | None]:
        """Read open files, each a descriptor and how much room it is given; return the bytes of each.

        ``None`` is a file that cannot be read so, or does not end within its room. The bytes are overwritten
        by the next reading. Raises ``OSError`` where nothing can be read so.
        """
        starts: list[int] = []
        end = 0
        for number, (descriptor, room) in enumerate(files):
            _REQUEST.pack_into(
                self._requests,
                number * _REQUEST.size,
                *(number, 0, 0, _READ, 0, descriptor, self._start + end, room, 0, 0, 0, 0),
            )
            starts.append(end)
            end += room
        if end > MOST_BYTES or len(files) > MOST_FILES:
            raise ValueError("more than is read at once")
        asked = _called(self._submit, self._context, ctypes.c_long(len(files)), self._places)
        found: list[memoryview | None] = [None] * len(files)
        for number, size in self._ended(asked):
            if 0 <= size < files[number][1]:
                found[number] = self._view[starts[number] : starts[number] + size]
        return found

    def _ended(self, asked: int) -> list[tuple[int, int]]:
        """Wait for so many requests; return the number of each, and how many bytes it read."""
        ended: list[tuple[int, int]] = []
        while len(ended) < asked:
            left = ctypes.c_long(asked - len(ended))
            count = _called(self._get_events, self._context, left, left, self._events, None)
            ended += [
                (number, size)
                for number, _, size, _ in _EVENT.iter_unpack(self._events.raw[: count * _EVENT.size])
            ]
        return ended

    def close(self) -> None:
        """Wait for what was asked for, and let the system forget it."""
        _called(self._destroy, self._context)


def _address(memory: mmap.mmap | bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _called(number: int, *given: object) -> int:
    """Make a system call, again where a signal came between. Raises ``OSError``."""
    while True:
        with suppress(InterruptedError):
            return system_call(number, *given)
