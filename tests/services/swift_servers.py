"""OpenStack Swift with its S3 face, in one process: the proxy, account, container and object servers.

Run by the Python that has Swift: ``python swift_servers.py FOLDER ACCESS_KEY SECRET``. Prints the port,
and ends, and removes the folder, when its standard input does.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import monotonic

# Swift still stands on eventlet, which now calls itself old whenever it is imported.
warnings.simplefilter("ignore")

import eventlet  # noqa: E402  not before the filter
from eventlet import wsgi  # noqa: E402  not before the filter
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402  not before the filter
from swift.common.ring import RingBuilder  # noqa: E402  not before the filter
from swift.common.utils import monkey_patch, set_swift_dir  # noqa: E402  not before the filter
from swift.common.wsgi import loadapp  # noqa: E402  not before the filter

Application = Callable[[dict[str, object], Callable[..., object]], object]
Filter = Callable[[Application], Application]

STORAGE = ("account", "container", "object")

_SWIFT = """\
[swift-hash]
swift_hash_path_suffix = tests
[storage-policy:0]
name = only
default = yes
"""

_STORAGE = """\
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
[app:main]
use = egg:swift#{name}
"""

_PROXY = """\
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper remembering listing_formats bulk s3api tempauth \
    copy slo dlo versioned_writes symlink proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:remembering]
paste.filter_factory = swift_servers:remembering
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = no
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
[filter:symlink]
use = egg:swift#symlink
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


class Memory:
    """What Swift keeps in memcached between requests, in the one process that there is."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, str]] = {}

    def get(self, key: str, **_: object) -> object:
        """Return the value, as one that went over a wire."""
        until, value = self._values.get(key, (0.0, "null"))
        return json.loads(value) if until > monotonic() else None

    def set(self, key: str, value: object, time: float = 0, **_: object) -> None:
        """Remember the value for ``time`` seconds."""
        self._values[key] = (monotonic() + (time or 60), json.dumps(value))

    def delete(self, key: str, **_: object) -> None:
        """Forget the value."""
        self._values.pop(key, None)


def remembering(_: object, **__: object) -> Filter:
    """Make the filter that stands where a cluster has its memcached."""
    memory = Memory()

    def around(application: Application) -> Application:
        def remembered(environment: dict[str, object], start: Callable[..., object]) -> object:
            return application({**environment, "swift.cache": memory}, start)

        return remembered

    return around


def main(folder: Path, access_key: str, secret: str) -> None:
    """Serve until standard input ends."""
    (folder / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text(_SWIFT)
    account, _, user = access_key.partition(":")
    for name in STORAGE:
        (folder / f"{name}.conf").write_text(_STORAGE.format(folder=folder, name=name))
    (folder / "proxy.conf").write_text(
        _PROXY.format(folder=folder, account=account, user=user, secret=secret)
    )
    set_swift_dir(str(folder))
    for name in STORAGE:
        _map(folder, name, _serve(folder, name))
    sys.stdout.write(f"{_serve(folder, 'proxy')}\n")
    sys.stdout.flush()
    eventlet.hubs.trampoline(sys.stdin.fileno(), read=True)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _serve(folder: Path, name: str) -> int:
    listening = eventlet.listen(("127.0.0.1", 0))
    # Nagle's algorithm on the one side and delayed acknowledgements on the other cost 40 ms a request.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    application = loadapp(str(folder / f"{name}.conf"), global_conf={"log_level": "ERROR"})
    eventlet.spawn(
        wsgi.server,
        listening,
        application,
        log_output=False,
        protocol=SwiftHttpProtocol,
        # Clients of S3 look for an ETag, and not for an Etag.
        capitalize_response_headers=False,
    )
    port: int = listening.getsockname()[1]
    return port


def _map(folder: Path, name: str, port: int) -> None:
    """Write the ring that says that everything of that kind is on the one disk behind ``port``."""
    ring = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    ring.add_dev(
        {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": port, "device": "disk"}
    )
    ring.rebalance()
    ring.get_ring().save(str(folder / f"{name}.ring.gz"))


if __name__ == "__main__":
    monkey_patch()
    main(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3])
