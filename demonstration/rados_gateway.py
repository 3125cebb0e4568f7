"""A real S3 service: a Ceph RADOS Gateway on loopback, with one monitor and one disk daemon.

For the demonstration and the tests, and for nothing else: its daemons do not authenticate each other.

Its data directory is kept in ``.cache/ceph``, so that only the first start takes long. One server
serves all processes that use it; whoever lets go of it last stops it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / ".cache" / "ceph"
PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
PACKAGES = "radosgw ceph-mon ceph-osd"

_DAEMONS = ("mon.a", "osd.0", "rgw")
_MOST_BYTES = 3 << 30
"""A data directory that has grown beyond that is made anew."""


class CephMissingError(Exception):
    """Ceph is not installed; the message says how to."""


@dataclass(frozen=True)
class Keys:
    """An access key and its secret."""

    access: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """What tells any S3 client of them."""
        return {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret}


ARCHIVE = Keys("archivekey", "archive-secret")
STRANGER = Keys("strangerkey", "stranger-secret")
"""A user whom nobody gave a permission."""
FULL = Keys("fullkey", "full-secret")
"""A user in whose buckets three objects are the most."""

_USERS = {"archive": ARCHIVE, "stranger": STRANGER, "full": FULL}


@dataclass(frozen=True)
class Gateway:
    """A server that answers at ``url``; ``name`` tells it from others before the same disk."""

    url: str
    port: int
    name: str = "rgw"

    def kill(self) -> None:
        """Stop answering at once; the disk stays."""
        pid = _pid(self.name)
        if _is_alive(pid):
            os.kill(pid, signal.SIGKILL)
        _wait_for(lambda: not _answers(self.port))

    def start(self) -> None:
        """Answer, at the same port as before."""
        _start_gateway(self.name, self.port)


def gateway() -> Gateway:
    """Return the server, started where it does not run yet. Raises ``CephMissingError``."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise CephMissingError(f"no {missing[0]} is here; install: apt-get install {PACKAGES}")
    if not _held:
        ROOT.mkdir(parents=True, exist_ok=True)
        with _turn():
            port = _running() or _started()
            users = os.open(ROOT / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
            fcntl.flock(users, fcntl.LOCK_SH)
        _held.append((users, port))
    port = _held[0][1]
    return Gateway(f"http://127.0.0.1:{port}", port)


@contextmanager
def mortal_gateway() -> Iterator[Gateway]:
    """Start a second server before the same disk, for one use, which may kill it."""
    gateway()
    port = _free_port()
    second = Gateway(f"http://127.0.0.1:{port}", port, new_name("mortal"))
    second.start()
    try:
        yield second
    finally:
        second.kill()


@contextmanager
def gateway_at(url: str) -> Iterator[None]:
    """Have the server answer at ``url``, where it did once. Raises ``OSError`` where something else does."""
    there = gateway()
    again = Gateway(url, int(url.rpartition(":")[2]), new_name("again"))
    if again.port == there.port:
        yield
        return
    if _answers(again.port):
        raise OSError(f"another program answers at {url}")
    again.start()
    try:
        yield
    finally:
        again.kill()


def let_go() -> None:
    """Stop the server, unless another process of the session still uses it."""
    while _held:
        users, _ = _held.pop()
        with _turn():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                for daemon in reversed(_DAEMONS):
                    _stop(_pid(daemon))
            os.close(users)


_held: list[tuple[int, int]] = []
"""The lock by which this process uses the server, and the server's port; at most one."""


@contextmanager
def _turn() -> Iterator[None]:
    lock = os.open(ROOT.parent / "ceph.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _running() -> int | None:
    """Return the port of a server that was started before and still answers."""
    with suppress(OSError, ValueError):
        port = int((ROOT / "port").read_text())
        if all(_is_alive(_pid(daemon)) for daemon in _DAEMONS) and _answers(port):
            return port
    return None


def _started() -> int:
    for daemon in reversed(_DAEMONS):
        _stop(_pid(daemon))
    if _is_sound():
        with suppress(subprocess.SubprocessError, TimeoutError):
            return _start()
    for daemon in reversed(_DAEMONS):
        _stop(_pid(daemon))
    _make_anew()
    return _start()


def _is_sound() -> bool:
    """Say whether the data directory was made to its end, is not too large, and its port is free."""
    with suppress(OSError, ValueError, KeyError):
        made = json.loads((ROOT / "made.json").read_text())
        used = (ROOT / "osd" / "block").stat().st_blocks * 512
        return used < _MOST_BYTES and made["users"] == sorted(_USERS) and not _answers(made["monitor"])
    return False


def _make_anew() -> None:
    for entry in ROOT.iterdir():
        if entry.name == "users.lock":
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    monitor, identity = _free_port(), str(uuid.uuid4())
    for folder in ("mon", "osd"):
        (ROOT / folder).mkdir()
    (ROOT / "ceph.conf").write_text(_configuration(monitor, identity))
    monmap = ROOT / "monmap"
    _run("monmaptool", "--create", "--clobber", "--fsid", identity, "--addv", "a", f"v2:127.0.0.1:{monitor}",
         monmap)  # fmt: skip
    _ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
    _ceph("ceph-mon", "-i", "a")
    disk = str(uuid.uuid4())
    _ceph("ceph", "osd", "new", disk)
    _ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
    _ceph("ceph-osd", "-i", "0")
    _wait_for(_disk_is_up)
    for name, keys in _USERS.items():
        _ceph("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}",
              f"--access-key={keys.access}", f"--secret={keys.secret}")  # fmt: skip
    quota = ("--quota-scope=bucket", "--uid=full")
    _ceph("radosgw-admin", "quota", "set", *quota, "--max-objects=3")
    _ceph("radosgw-admin", "quota", "enable", *quota)
    (ROOT / "made.json").write_text(json.dumps({"monitor": monitor, "users": sorted(_USERS)}))


def _start() -> int:
    if not _is_alive(_pid("mon.a")):
        _ceph("ceph-mon", "-i", "a")
    if not _is_alive(_pid("osd.0")):
        _ceph("ceph-osd", "-i", "0")
    _wait_for(_disk_is_up)
    port = _free_port()
    _start_gateway("rgw", port)
    (ROOT / "port").write_text(str(port))
    return port


def _start_gateway(name: str, port: int) -> None:
    # Nagle's algorithm on the one side and delayed acknowledgements on the other cost 40 ms an object.
    frontend = f"beast endpoint=127.0.0.1:{port} tcp_nodelay=1"
    # Without authentication between the daemons, the gateway hangs unless it is told this one mode.
    _ceph("radosgw", "-n", "client.admin", "--ms-mon-client-mode=crc", f"--pid-file={ROOT / name}.pid",
          f"--log-file={ROOT / name}.log", f"--rgw-frontends={frontend}")  # fmt: skip
    _wait_for(lambda: _answers(port))


def _configuration(monitor: int, identity: str) -> str:
    triplet = sysconfig.get_config_var("MULTIARCH")
    return f"""\
[global]
fsid = {identity}
mon_host = v2:127.0.0.1:{monitor}
public_addr = 127.0.0.1
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
run_dir = {ROOT}
crash_dir = {ROOT}
log_file = {ROOT}/$name.log
pid_file = {ROOT}/$name.pid
admin_socket =
mon_data = {ROOT}/mon
mon_data_avail_warn = 1
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
osd_data = {ROOT}/osd
osd_class_dir = /usr/lib/{triplet}/rados-classes
osd_class_load_list = *
osd_class_default_list = *
osd_objectstore = bluestore
osd_memory_target = 939524096
# A disk that stalls for seconds lets the lease on what is read run out (0.8 of this); nothing renews it.
osd_heartbeat_grace = 3600
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_crush_initial_weight = 1.0
bluestore_block_size = {8 << 30}
rgw_rados_pool_pg_num_min = 1
debug_rgw = 0
"""


def _ceph(program: str, *arguments: str | Path) -> str:
    return _run(program, "-c", ROOT / "ceph.conf", *arguments)


def _run(*command: str | Path) -> str:
    # A daemon keeps what it inherits: into a file, therefore, and not into a pipe that would never end.
    with (ROOT / "started.log").open("a+") as told:
        start = told.seek(0, os.SEEK_END)
        subprocess.run(  # noqa: S603  Ceph's own programs, an argument list
            [str(part) for part in command], check=True, stdout=told, stderr=subprocess.STDOUT, timeout=60
        )
        told.seek(start)
        return told.read()


def _disk_is_up() -> bool:
    with suppress(subprocess.SubprocessError):
        return "1 up" in _ceph("ceph", "osd", "stat")
    return False


def _wait_for(condition: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"Ceph did not start; see the logs in {ROOT}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _pid(daemon: str) -> int:
    with suppress(OSError, ValueError):
        return int((ROOT / f"{daemon}.pid").read_text())
    return 0


def _is_alive(pid: int) -> bool:
    """Say whether the process is one of ours: a number alone may be another's by now."""
    with suppress(OSError):
        return os.fsencode(ROOT) in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _stop(pid: int) -> None:
    if not _is_alive(pid):
        return
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 20
    while _is_alive(pid):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def new_name(stem: str) -> str:
    """Return a name for a bucket or a prefix that no run before has used."""
    return f"{stem}-{secrets.token_hex(6)}"
