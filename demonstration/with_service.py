"""``make ui`` and ``make demo-shell``: a command in the demonstration's installation, its stores all there.

Where the second store is a bucket, its S3 service runs as long as the command. Without a command, a shell.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demonstration import rados_gateway
from flows.installation.settings_file import load_settings
from flows.installation.store_settings import S3StoreSettings
from preservation.errors import PreservationError


def main(installation: Path, command: list[str]) -> int:
    """Run the command in the installation's folder, and return its exit code."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # Ctrl-C is the command's, which may have something to end; not ignored, for that would be inherited.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with _service(installation) as keys:
            return subprocess.run(  # noqa: S603  what the user asks for, an argument list
                command or [os.environ.get("SHELL", "/bin/sh")],
                env={**os.environ, **keys, "PATH": programs},
                cwd=installation,
                check=False,
            ).returncode
    except (PreservationError, rados_gateway.CephMissingError, OSError) as error:
        sys.exit(f"demonstration: {error}; make demo makes it anew")


@contextmanager
def _service(installation: Path) -> Iterator[dict[str, str]]:
    """Have the service of a store in a bucket run, and yield the variables that let in whoever asks it."""
    buckets = [one for one in load_settings(installation).store if isinstance(one, S3StoreSettings)]
    if not buckets:
        yield {}
        return
    try:
        with rados_gateway.gateway_at(buckets[0].endpoint_url):
            yield rados_gateway.ARCHIVE.environment
    finally:
        rados_gateway.let_go()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
