"""The cage for external programs, with real ones: those that every Debian has."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.waiting import until

from preservation.errors import ToolFailedError, ToolMissingError, ToolTimeoutError
from preservation.tools import cage
from preservation.tools.cage import Finished
from preservation.tools.limits import Limits

MIB = 1 << 20
TIGHT = Limits(
    address_space=1024 * MIB, cpu_seconds=1, wall_seconds=60, file_size=8 * MIB, open_files=32, processes=20
)


@pytest.fixture
def scratch() -> Iterator[Path]:
    # Not in pytest's own folders: those are for their owner only, and the cage's programs run as nobody.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        place = Path(folder) / "scratch"
        place.mkdir()
        yield place


def sh(script: str, scratch: Path, limits: Limits = TIGHT) -> Finished:
    return cage.run(["sh", "-c", script], limits=limits, scratch=scratch)


def test_a_program_is_given_its_input_and_says_its_output(scratch: Path) -> None:
    finished = cage.run(["sort", "-r"], limits=TIGHT, scratch=scratch, stdin=b"a\nc\nb\n")
    assert finished == Finished(b"c\nb\na\n", b"", 0)


def test_no_shell_reads_the_arguments(scratch: Path) -> None:
    assert cage.run(["echo", "$HOME; id"], limits=TIGHT, scratch=scratch).stdout == b"$HOME; id\n"


def test_the_environment_is_emptied(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    lines = cage.run(["env"], limits=TIGHT, scratch=scratch).stdout.decode().split()
    known = dict(line.split("=", 1) for line in lines)
    assert (known["HOME"], known["TMPDIR"], known["LANG"]) == (str(scratch), str(scratch), "C.UTF-8")
    assert "AWS_SECRET_ACCESS_KEY" not in known


def test_a_program_that_is_not_there_is_named(scratch: Path) -> None:
    with pytest.raises(ToolMissingError, match="no-such-program is not installed"):
        cage.run(["no-such-program"], limits=TIGHT, scratch=scratch)


def test_a_failure_is_told_with_the_programs_last_words(scratch: Path) -> None:
    with pytest.raises(ToolFailedError, match="sh ended with 3: it is broken"):
        sh("echo it is broken >&2; exit 3", scratch)


def test_an_exit_status_that_is_no_failure_is_returned(scratch: Path) -> None:
    assert cage.run(["false"], limits=TIGHT, scratch=scratch, accepted=(0, 1)).exit_status == 1


def test_wall_time_ends_a_program_that_sleeps(scratch: Path) -> None:
    with pytest.raises(ToolTimeoutError, match=r"within 0\.5 s"):
        cage.run(["sleep", "60"], limits=Limits(wall_seconds=0.5), scratch=scratch)


def test_cpu_time_ends_an_endless_loop(scratch: Path) -> None:
    with pytest.raises(ToolTimeoutError, match="more than 1 s of CPU time"):
        sh("while :; do :; done", scratch)


def test_a_huge_file_is_cut_off(scratch: Path) -> None:
    with pytest.raises(ToolFailedError, match="SIGXFSZ"):
        cage.run(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=64"], limits=TIGHT, scratch=scratch)
    assert (scratch / "big").stat().st_size <= 8 * MIB


def test_a_huge_output_is_no_result(scratch: Path) -> None:
    with pytest.raises(ToolFailedError, match="more than 1000 bytes"):
        cage.run(["head", "-c", "2000", "/dev/zero"], limits=TIGHT, scratch=scratch, longest_output=1000)


def test_one_huge_allocation_fails(scratch: Path) -> None:
    with pytest.raises(ToolFailedError, match="memory exhausted"):
        cage.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=2G", "count=1"], limits=TIGHT, scratch=scratch)


def test_no_connection_gets_out(scratch: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        with pytest.raises(ToolFailedError, match="not implemented"):
            cage.run(["bash", "-c", f"echo hello > /dev/tcp/127.0.0.1/{port}"], limits=TIGHT, scratch=scratch)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_nothing_is_written_outside_the_scratch_folder(scratch: Path) -> None:
    outside = scratch.parent
    outside.chmod(0o777)
    sh("echo kept > inside; echo x > /dev/null", scratch)
    with pytest.raises(ToolFailedError, match="Permission denied"):
        sh(f"echo x > {outside}/escaped", scratch)
    assert (scratch / "inside").read_text() == "kept\n"
    assert not (outside / "escaped").exists()


def test_what_others_keep_is_not_read(scratch: Path) -> None:
    secret = scratch.parent / "secret"
    secret.write_text("precious")
    secret.chmod(0o644)
    with pytest.raises(ToolFailedError, match="Permission denied"):
        sh(f"cat {secret}", scratch)
    with pytest.raises(ToolFailedError, match="Permission denied"):
        sh(f"ls {scratch.parent}", scratch)
    (scratch / "given").write_text("kept")
    (scratch / "given").chmod(0o644)
    assert sh("cat given", scratch).stdout == b"kept"


def test_a_link_in_the_scratch_folder_leads_nowhere(scratch: Path) -> None:
    outside = scratch.parent / "victim"
    outside.write_text("precious")
    outside.chmod(0o666)
    for way in (f"echo x > {outside}", "cat /proc/self/cwd/../victim", "echo x > link", "cat link"):
        with pytest.raises(ToolFailedError, match=r"Permission denied|cannot create"):
            sh(f"ln -sf {outside} link; {way}", scratch)
    assert outside.read_text() == "precious"


def test_what_we_have_open_is_not_handed_down(scratch: Path, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)  # noqa: FBT003  the standard library's own signature
        # The three standard streams, and the folder that ls lists.
        assert sh("ls /proc/self/fd", scratch).stdout.split() == [b"0", b"1", b"2", b"3"]


def test_open_files_are_few(scratch: Path) -> None:
    with pytest.raises(ToolFailedError, match="Too many open files"):
        cage.run(
            ["bash", "-c", "for n in {1..40}; do exec {fd}</dev/null || exit 1; done"],
            limits=TIGHT,
            scratch=scratch,
        )


def test_whoever_started_a_program_is_out_of_its_reach(scratch: Path) -> None:
    with pytest.raises(ToolFailedError, match=r"not permitted|Permission denied"):
        sh(f"kill -0 {os.getpid()}", scratch)
    for secret in ("environ", "mem", "maps"):
        with pytest.raises(ToolFailedError, match=r"Permission denied|not permitted"):
            sh(f"cat /proc/{os.getpid()}/{secret}", scratch)


def test_children_are_few_and_none_outlives_the_program(scratch: Path) -> None:
    mark = f"{os.getpid()}{threading.get_ident()}"[-9:]
    assert sh(f"sleep 1{mark} & echo started", scratch).stdout == b"started\n"
    with pytest.raises(ToolFailedError, match=r"(?i)fork"):
        sh(f"for i in $(seq 40); do sleep 1{mark} & done; wait", scratch)
    until(lambda: not _running(f"1{mark}"), "the end of all children")


def test_a_child_cannot_leave_the_group_that_is_killed(scratch: Path) -> None:
    with pytest.raises(ToolFailedError, match="setsid"):
        sh("setsid sleep 60; exit $?", scratch)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")
def test_root_becomes_nobody(scratch: Path) -> None:
    assert cage.run(["id", "-u"], limits=TIGHT, scratch=scratch).stdout == b"65534\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="a normal user keeps access to what is theirs")
def test_a_scratch_folder_that_nobody_can_reach_is_told(scratch: Path) -> None:
    scratch.parent.chmod(0o700)
    with pytest.raises(ToolFailedError, match="cannot be reached by the user nobody"):
        cage.run(["true"], limits=TIGHT, scratch=scratch)


def _running(argument: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if argument.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(process.name)
        except OSError:
            continue
    return found
