"""Jobs that misbehave as a parser does that has been taken over: ``drill_worker`` runs them in the cage.

All are bounded, so that a cage that fails costs seconds, not the machine.
"""

import contextlib
import ctypes
import errno
import fcntl
import importlib
import mmap
import os
import pickle
import resource
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.tools import kernel
from preservation.tools.work import Json

_MIB = 1 << 20
_IO_URING_SETUP = 425
_CLONE_NEWUSER = 0x10000000
_ADDR_NO_RANDOMIZE = 0x0040000
_FS_IOC_SETFLAGS, _FS_NODUMP_FL = 0x40086602, 0x40
_IPC_PRIVATE, _MODE = 0, 0o600


def echo(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], outputs: Sequence[BinaryIO]) -> Json:
    """Return the arguments, and the bytes of the inputs as text; copy the first input to each output."""
    contents = [stream.read() for stream in inputs]
    for output in outputs:
        output.write(contents[0])
    return {**arguments, "read": [content.decode("latin-1") for content in contents]}


def wait(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Sleep for ``seconds``, which takes no CPU time; return this process's number."""
    time.sleep(float(arguments["seconds"]))
    return os.getpid()


def compute_for_ever(_: Mapping[str, Json], __: Sequence[BinaryIO], ___: Sequence[BinaryIO]) -> Json:
    """Loop, as a parser does in a chain of references that closes on itself."""
    while True:
        pass


def compute(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Use ``seconds`` of CPU time, and come to an end."""
    end = time.process_time() + float(arguments["seconds"])
    while time.process_time() < end:
        pass
    return None


def allocate(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Ask for ``bytes`` of memory at once; ``shared`` is memory that others could map too."""
    if arguments.get("shared"):
        return len(mmap.mmap(-1, int(arguments["bytes"])))
    return len(bytearray(int(arguments["bytes"])))


def write_much(arguments: Mapping[str, Json], _: Sequence[BinaryIO], outputs: Sequence[BinaryIO]) -> Json:
    """Write ``bytes`` zeros to the first output."""
    for _start in range(0, int(arguments["bytes"]), _MIB):
        outputs[0].write(bytes(_MIB))
    return None


def crash(arguments: Mapping[str, Json], _: Sequence[BinaryIO], outputs: Sequence[BinaryIO]) -> Json:
    """Write a little, then read from address 0, as a C library does with a wild pointer."""
    for output in outputs:
        output.write(b"half")
        output.flush()
    if arguments.get("by") == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    return ctypes.string_at(0)


def refuse(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Refuse the content, with ``reason``."""
    raise UnacceptableContentError(str(arguments["reason"]))


def stumble(_: Mapping[str, Json], __: Sequence[BinaryIO], ___: Sequence[BinaryIO]) -> Json:
    """Fail as a parser does on what its author did not think of."""
    trailer: dict[str, Json] = {}
    return trailer["a key that every file has"]


def fill_the_disk(_: Mapping[str, Json], __: Sequence[BinaryIO], ___: Sequence[BinaryIO]) -> Json:
    """Fail as writing fails on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lack_a_module(_: Mapping[str, Json], __: Sequence[BinaryIO], ___: Sequence[BinaryIO]) -> Json:
    """Import what is not there, as a library does that loads its parts late."""
    return importlib.import_module("preservation.tools.not_there").__name__


def whoami(_: Mapping[str, Json], __: Sequence[BinaryIO], ___: Sequence[BinaryIO]) -> Json:
    """Return this process's user and surroundings, and print to where results go."""
    print("printed by a job")  # noqa: T201  this is what is tried
    return {
        "user": os.geteuid(),
        "groups": os.getgroups(),
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "open files": sorted(int(name) for name in os.listdir("/proc/self/fd")),  # noqa: PTH208  numbers, not paths
    }


def read(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Read the files and list the folders at ``paths``; return for each what became of it."""
    ways = {path: partial(os.listdir if os.path.isdir(path) else _read, path) for path in arguments["paths"]}  # noqa: PTH112  as a parser would
    return {path: _outcome_of(way) for path, way in ways.items()}


def escape(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """Try the ways out, one after the other; return for each what became of it.

    ``port`` is one on which a process listens on loopback, ``folder`` one to write to and with a ``secret``
    in it, ``victim`` a process. The one input is a file of the same user.
    """
    (given,) = (stream.fileno() for stream in inputs)
    folder = Path(arguments["folder"])
    victim = int(arguments["victim"])
    ways: dict[str, Callable[[], object]] = {
        "connect": lambda: socket.create_connection(("127.0.0.1", int(arguments["port"])), timeout=2),
        "unix socket": _open_unix_socket,
        "write": lambda: (folder / "escaped").write_bytes(b"x"),
        "link": lambda: (folder / "link").symlink_to("/"),
        "remove": (folder / "victim").unlink,
        "truncate": partial(os.truncate, folder / "victim", 0),
        "fork": _fork,
        "run": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606  this is what is tried
        "signal": lambda: os.kill(victim, 0),
        "session": os.setsid,
        "read a secret": (folder / "secret").read_bytes,
        "list a folder": lambda: os.listdir(folder),  # noqa: PTH208  as a parser would
        "read the memory": lambda: Path(f"/proc/{victim}/mem").open("rb").close(),
        "read the environment": Path(f"/proc/{victim}/environ").read_bytes,
        "set limits": lambda: resource.prlimit(victim, resource.RLIMIT_CORE),
        "have signals sent": lambda: fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, victim),
        "queue calls": lambda: kernel.system_call(_IO_URING_SETUP, 1, None),
        "new namespace": lambda: _call("unshare", _CLONE_NEWUSER),
        "another personality": lambda: _call("personality", _ADDR_NO_RANDOMIZE),
        "socket pair": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
        "hold a process": lambda: os.pidfd_open(victim),
        "memory as a file": lambda: os.memfd_create("hoard"),
        "memory that stays": lambda: _call("shmget", _IPC_PRIVATE, _MIB, _MODE),
        "semaphores": lambda: _call("semget", _IPC_PRIVATE, 1, _MODE),
        "messages": lambda: _call("msgget", _IPC_PRIVATE, _MODE),
        "mode of a path": lambda: (folder / "victim").chmod(_MODE),
        "times of a path": lambda: os.utime(folder / "victim", (0, 0)),
        "owner of a path": lambda: os.chown(folder / "victim", os.getuid(), os.getgid()),
        "attribute of a path": lambda: os.setxattr(folder / "victim", "user.drill", b"x"),
        "mode of an input": lambda: os.fchmod(given, _MODE),
        "times of an input": lambda: os.utime(given, (0, 0)),
        "owner of an input": lambda: os.fchown(given, os.getuid(), os.getgid()),
        "attribute of an input": lambda: os.setxattr(given, "user.drill", b"x"),
        "flags of an input": lambda: fcntl.ioctl(given, _FS_IOC_SETFLAGS, struct.pack("l", _FS_NODUMP_FL)),
        "open an input for writing": lambda: os.open(f"/proc/self/fd/{given}", os.O_RDWR),
        "a lease on an input": lambda: fcntl.fcntl(given, fcntl.F_SETLEASE, fcntl.F_RDLCK),
    }
    return {name: _outcome_of(way) for name, way in ways.items()}


def lie(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Say on the channel, past our own code, what no worker says: the ``kind`` of lie."""
    deep = b'{"type":"completed","value":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    content = {
        "nonsense": b"\xff" * 100,
        "endless": struct.pack("!I", (1 << 32) - 1),
        "deep": struct.pack("!I", len(deep)) + deep,
        "pickle": struct.pack("!I", len(pickle.dumps(os.getpid))) + pickle.dumps(os.getpid),
        "ready": b'\0\0\0\x10{"type":"ready"}' * 2,
    }[arguments["kind"]]
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers, not paths
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):  # noqa: PTH115  a number, not a path
                os.write(int(name), content)
    return None


def tell_much(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Answer with ``bytes`` of text, as a parser does that quotes what it does not understand."""
    return "x" * int(arguments["bytes"])


def open_many(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Open ``files`` descriptors, and keep them."""
    return [os.open(os.devnull, os.O_RDONLY) for _ in range(int(arguments["files"]))]


def _call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _open_unix_socket() -> None:
    socket.socket(socket.AF_UNIX).close()


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _outcome_of(way: Callable[[], object]) -> str:
    try:
        way()
    except OSError as error:
        return f"refused: {error.strerror}"
    return "done"
