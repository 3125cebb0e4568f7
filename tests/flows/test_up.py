"""The running service, as a real process."""

from __future__ import annotations

from pathlib import Path

from archives import Archive
from working_services import asked, descendants, ended_run, kill, lives, service, until


def worker_of(pid: int) -> int:
    """The worker that the service has started."""
    return next(
        child for child in descendants(pid) if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


def test_the_service_starts_a_worker_again_that_was_killed_and_ends_with_all_it_started(
    installation: Archive, ledger: Path
):
    with service(installation, "up") as up:
        kill(worker_of(up.process.pid))
        up.wait_for("the worker ended (exit -9); it is started again in 1 s")
        up.wait_for("is ready", times=2)
        assert ended_run(installation, asked(installation, ledger)).state_name == "Stored", up.lines
        family = descendants(up.process.pid)
        up.ask_to_stop()
        assert up.ended() == 0, up.lines
        until(lambda: not any(map(lives, family)), "the end of all that it started")
    assert "Traceback" not in up.lines
