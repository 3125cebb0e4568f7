"""What the demonstration leaves behind: an installation whose stores can all be reached again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace

from services.buckets import new_address, speak_as_the_archive
from support.archives import Archive
from support.bucket_archives import put_second_store_into

RUN = """
import os, pathlib, sys
for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    del os.environ[name]
from demonstration.with_service import main
sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
"""


def test_a_command_in_the_demonstrations_installation_reaches_the_bucket_whose_service_had_ended(
    installation: Archive,
):
    speak_as_the_archive()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ended = replace(new_address(), endpoint_url=f"http://127.0.0.1:{port}")
    put_second_store_into(installation, ended)

    doctor = subprocess.run(
        [sys.executable, "-c", RUN, installation.directory, "muniment", "doctor", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )

    found = {one["what"]: one for one in map(json.loads, doctor.stdout.splitlines()) if "what" in one}
    assert found["store second"]["state"] == "ok", (found, doctor.stderr)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "its service ends with the command"
