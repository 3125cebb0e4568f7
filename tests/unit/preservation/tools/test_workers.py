"""The pool of caged workers, against jobs that misbehave on purpose (``support.drill``)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.waiting import until

from preservation.errors import StoreFullError, ToolFailedError
from preservation.tools import worker_process
from preservation.tools.limits import Limits
from preservation.tools.work import Completed, Died, Exhausted, JobName, Refused, Request, WorkOutcome
from preservation.tools.workers import CagedWorkers

MIB = 1 << 20
TIGHT = Limits(address_space=512 * MIB, cpu_seconds=1, wall_seconds=100, file_size=8 * MIB, open_files=32)
DRILL = "preservation.tools.drill:"
PRELOAD = ("preservation.tools.drill",)
AS_ROOT = os.geteuid() == 0
TESTS = Path(__file__).parents[3]
DRILL_WORKER = (str(TESTS / "support" / "drill_worker.py"),)


@pytest.fixture(autouse=True)
def workers_that_know_the_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_PROGRAM", DRILL_WORKER)


def asking(job: str, *inputs: Path, into: tuple[Path, ...] = (), **arguments: object) -> Request:
    return Request(JobName(DRILL + job), arguments, inputs, into)


@pytest.fixture
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(TIGHT, 2, PRELOAD) as pool:
        yield pool


def only(pool: CagedWorkers, request: Request) -> WorkOutcome:
    (outcome,) = pool.map([request])
    return outcome


def test_a_job_reads_its_inputs_and_writes_its_outputs(workers: CagedWorkers, tmp_path: Path) -> None:
    scan, copy = tmp_path / "scan", tmp_path / "copy"
    scan.write_bytes(b"pixels")
    outcome = only(workers, asking("echo", scan, into=(copy,), dpi=300))
    assert outcome == Completed({"dpi": 300, "read": ["pixels"]})
    assert copy.read_bytes() == b"pixels"


def test_what_is_left_of_a_killed_run_under_an_output_is_replaced(
    workers: CagedWorkers, tmp_path: Path
) -> None:
    scan, copy = tmp_path / "scan", tmp_path / "copy"
    scan.write_bytes(b"new")
    copy.write_bytes(b"left from before, and longer")
    only(workers, asking("echo", scan, into=(copy,)))
    assert copy.read_bytes() == b"new"


def test_outcomes_keep_the_order_of_the_requests(workers: CagedWorkers) -> None:
    requests = [asking("wait", seconds=0.2) if n % 3 == 0 else asking("echo", number=n) for n in range(9)]
    told = [o.value["number"] if isinstance(o.value, dict) else "waited" for o in workers.map(requests)]  # type: ignore[union-attr]
    assert told == ["waited", 1, 2, "waited", 4, 5, "waited", 7, 8]


def test_both_processes_work_at_once(workers: CagedWorkers) -> None:
    outcomes = workers.map([asking("wait", seconds=0.3), asking("wait", seconds=0.3)])
    assert len({outcome.value for outcome in outcomes if isinstance(outcome, Completed)}) == 2


def test_an_endless_loop_ends_at_its_cpu_time(workers: CagedWorkers) -> None:
    assert only(workers, asking("compute_for_ever")) == Exhausted("CPU time", "1 s")


def test_cpu_time_is_counted_anew_for_each_request() -> None:
    with CagedWorkers(TIGHT, 1, PRELOAD) as pool:
        busy = [asking("compute", seconds=0.6) for _ in range(3)]
        assert all(isinstance(outcome, Completed) for outcome in pool.map(busy))


def test_a_job_that_sleeps_for_ever_ends_at_its_wall_time() -> None:
    with CagedWorkers(Limits(wall_seconds=0.5), 1, PRELOAD) as pool:
        assert only(pool, asking("wait", seconds=60)) == Exhausted("time", "0.5 s")


def test_one_huge_allocation_is_refused(workers: CagedWorkers) -> None:
    outcome = only(workers, asking("allocate", bytes=4 << 30))
    assert outcome == Exhausted("memory", "512 MiB of address space")


def test_memory_that_could_be_shared_counts_too(workers: CagedWorkers) -> None:
    outcome = only(workers, asking("allocate", bytes=1 << 30, shared=True))
    assert outcome == Exhausted("memory", "512 MiB of address space")


def test_a_huge_output_is_cut_off_and_removed(workers: CagedWorkers, tmp_path: Path) -> None:
    output = tmp_path / "output"
    outcome = only(workers, asking("write_much", into=(output,), bytes=64 * MIB))
    assert outcome == Exhausted("file size", f"{8 * MIB} bytes for one file")
    assert not output.exists()


# The kernel kills so where the machine's memory runs out: that is no fault of the content.
KILLED = Exhausted("memory", "the system ended the process, as it does where memory is short")


@pytest.mark.parametrize(("by", "ended"), [("", Died("killed by SIGSEGV")), ("SIGKILL", KILLED)])
def test_a_crash_is_an_outcome_and_leaves_nothing_half_written(
    workers: CagedWorkers, tmp_path: Path, by: str, ended: Died | Exhausted
) -> None:
    output = tmp_path / "output"
    before, crashed, after = workers.map(
        [asking("echo"), asking("crash", into=(output,), by=by), asking("echo")]
    )
    assert (type(before), crashed, type(after)) == (Completed, ended, Completed)
    assert not output.exists()


def test_whoever_dies_the_other_requests_go_on(workers: CagedWorkers) -> None:
    requests = [asking("crash") if n % 3 == 0 else asking("echo", number=n) for n in range(12)]
    for number, outcome in enumerate(workers.map(requests)):
        assert isinstance(outcome, Died if number % 3 == 0 else Completed)


def test_a_worker_killed_from_outside_costs_nobody_the_answer(workers: CagedWorkers) -> None:
    first = only(workers, asking("whoami"))
    assert isinstance(first, Completed)
    os.kill(first.value["pid"], signal.SIGKILL)
    again = only(workers, asking("whoami"))
    assert isinstance(again, Completed)
    assert again.value["pid"] != first.value["pid"]


def test_a_refusal_is_told_in_the_jobs_own_words(workers: CagedWorkers, tmp_path: Path) -> None:
    output = tmp_path / "output"
    assert only(workers, asking("refuse", into=(output,), reason="no pages")) == Refused("no pages")
    assert not output.exists()


def test_whatever_a_parser_raises_is_told_with_its_name(workers: CagedWorkers) -> None:
    outcome = only(workers, asking("stumble"))
    assert isinstance(outcome, Refused)
    assert outcome.reason == "support: KeyError: 'a key that every file has'"


def test_a_fault_of_ours_is_not_blamed_on_the_file(workers: CagedWorkers) -> None:
    with pytest.raises(ToolFailedError, match="fault of Muniment"):
        only(workers, asking("lack_a_module"))


def test_a_full_disk_is_not_blamed_on_the_file(workers: CagedWorkers, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with pytest.raises(StoreFullError, match="no space is left"):
        only(workers, asking("fill_the_disk", into=(output,)))
    assert not output.exists()


def test_a_job_that_does_not_exist_is_a_fault_of_ours(workers: CagedWorkers) -> None:
    with pytest.raises(ToolFailedError, match="no job 'nothing'"):
        only(workers, asking("nothing"))


def test_jobs_come_from_muniment_only(workers: CagedWorkers) -> None:
    with pytest.raises(ToolFailedError, match="not part of Muniment"):
        only(workers, Request(JobName("os:system"), {}, ()))


def test_an_input_that_is_gone_or_is_a_link_or_a_pipe_is_refused(
    workers: CagedWorkers, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    outcomes = list(workers.map(asking("echo", tmp_path / name) for name in ("gone", "link", "pipe")))
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert "cannot be opened" in str(outcomes)


def test_an_output_that_cannot_be_created_is_no_fault_of_the_file(
    workers: CagedWorkers, tmp_path: Path
) -> None:
    with pytest.raises(ToolFailedError, match="cannot be created"):
        only(workers, asking("echo", into=(tmp_path / "no folder" / "output",)))


def test_nothing_gets_out_of_the_cage(workers: CagedWorkers, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | 0o001)
    for name in ("victim", "secret"):
        (tmp_path / name).write_text("precious")
        (tmp_path / name).chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        outcome = only(
            workers,
            asking(
                "escape",
                tmp_path / "victim",
                port=listener.getsockname()[1],
                folder=str(tmp_path),
                victim=os.getpid(),
            ),
        )
    assert isinstance(outcome, Completed)
    assert {way: result for way, result in outcome.value.items() if not result.startswith("refused")} == {}
    assert len(outcome.value) == 36
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "victim"]
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_worker_that_opens_files_reads_what_was_dropped_and_nothing_else(tmp_path: Path) -> None:
    drop, other = tmp_path / "drop", tmp_path / "other"
    for folder in (drop, other):
        folder.mkdir(mode=0o700)
        (folder / "file").write_text("precious")
        (folder / "file").chmod(0o600)
    (drop / "link").symlink_to(other / "file")
    (drop / "folder").symlink_to(other)
    (tmp_path / "dropped link").symlink_to(other)
    read = [str(drop), str(drop / "file"), sys.executable]
    not_read = [
        *(
            str(other),
            str(other / "file"),
            str(drop / "link"),
            str(drop / "folder" / "file"),
            str(drop / "folder"),
        ),
        *(
            f"{drop}/../other/file",
            f"/proc/self/root{other}/file",
            str(tmp_path),
            "/etc/shadow",
            "/etc/passwd",
        ),
        *(f"/proc/{os.getpid()}/environ", f"/proc/{os.getpid()}/root", str(tmp_path / "dropped link")),
    ]

    places = (drop, tmp_path / "gone", tmp_path / "dropped link")
    with CagedWorkers(TIGHT, 1, PRELOAD, openable=places) as pool:
        outcome = only(pool, asking("read", paths=[*read, *not_read]))

    assert isinstance(outcome, Completed)
    assert {path for path, result in outcome.value.items() if result == "done"} == set(read)


@pytest.mark.parametrize("kind", ["nonsense", "endless", "deep", "pickle", "ready"])
def test_a_worker_that_says_what_none_of_ours_says_is_believed_nothing(
    workers: CagedWorkers, kind: str
) -> None:
    lied, next_one = workers.map([asking("lie", kind=kind), asking("echo", number=2)])
    assert isinstance(lied, Died)
    assert "no longer made sense" in lied.detail
    assert next_one == Completed({"number": 2, "read": []})


def test_an_answer_that_would_fill_our_memory_is_not_sent(workers: CagedWorkers) -> None:
    outcome = only(workers, asking("tell_much", bytes=32 * MIB))
    assert isinstance(outcome, Refused)
    assert "too much" in outcome.reason


def test_open_files_are_few(workers: CagedWorkers) -> None:
    assert only(workers, asking("open_many", files=200)) == Exhausted("open files", "32 open files")


def test_a_worker_knows_nothing_of_our_surroundings(
    workers: CagedWorkers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with (tmp_path / "secret").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)  # noqa: FBT003  the standard library's own signature
        outcome = only(workers, asking("whoami"))
    assert isinstance(outcome, Completed)
    assert "AWS_SECRET_ACCESS_KEY" not in outcome.value["environment"]
    # The three standard streams on /dev/null, the channel, and the listing itself.
    assert len(outcome.value["open files"]) == 5
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not AS_ROOT, reason="only root has privileges to give up")
def test_root_becomes_nobody(workers: CagedWorkers) -> None:
    outcome = only(workers, asking("whoami"))
    assert isinstance(outcome, Completed)
    assert (outcome.value["user"], outcome.value["groups"]) == (65534, [])


@pytest.mark.skipif(not AS_ROOT, reason="it takes root to become another user")
def test_the_cage_holds_for_a_normal_user_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | 0o001)
    # The victim belongs to the same user, as Muniment itself does where it does not run as root.
    program = (
        "import encodings.idna, json, os, sys; from pathlib import Path\n"
        f"sys.path.append({str(TESTS)!r}); from support import drill\n"
        "from preservation.tools import confinement, landlock\n"
        "readable = confinement.needed_by_python()\n"
        "os.setgroups([]); os.setresgid(4711, 4711, 4711); os.setresuid(4711, 4711, 4711)\n"
        "waiting, ours = os.pipe(); victim = os.fork()\n"
        "if not victim: os.close(ours); os.read(waiting, 1); os._exit(0)\n"
        "scan = open(sys.argv[1] + '/victim', 'rb'); version = landlock.version()\n"
        "confinement.confine(readable=readable); confinement.allow_calls()\n"
        "arguments = {'port': 9, 'folder': sys.argv[1], 'victim': victim}\n"
        "print(json.dumps([version, drill.escape(arguments, (scan,), ())]))\n"
    )
    for name in ("victim", "secret"):
        (tmp_path / name).write_text("precious")
        (tmp_path / name).chmod(0o666)
        os.chown(tmp_path / name, 4711, 4711)
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    landlock_version, ways = json.loads(done.stdout)
    assert landlock_version > 0
    assert {way: result for way, result in ways.items() if not result.startswith("refused")} == {}


def test_thousands_of_tiny_requests_take_flat_memory(workers: CagedWorkers, tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    scan.write_bytes(b"x" * 1000)
    peaks = []
    for count in (300, 2000):
        tracemalloc.start()
        assert sum(1 for _ in workers.map(asking("echo", scan) for _ in range(count))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
    outcome = only(workers, asking("whoami"))
    assert isinstance(outcome, Completed)
    assert len(outcome.value["open files"]) == 5


def test_requests_are_taken_as_they_are_needed(workers: CagedWorkers) -> None:
    taken = 0

    def endless() -> Iterator[Request]:
        nonlocal taken
        while True:
            taken += 1
            yield asking("echo")

    outcomes = workers.map(endless())
    for _ in range(5):
        next(outcomes)
    assert taken < 50
    del outcomes
    assert isinstance(only(workers, asking("echo")), Completed)


def test_outputs_of_requests_that_nobody_waits_for_any_more_are_removed(
    workers: CagedWorkers, tmp_path: Path
) -> None:
    requests = [asking("echo"), *(asking("wait", into=(tmp_path / str(n),), seconds=3) for n in range(2))]
    outcomes = workers.map(requests)
    next(outcomes)
    del outcomes
    assert list(tmp_path.iterdir()) == []


def test_two_callers_at_once_are_told_apart(workers: CagedWorkers) -> None:
    first = workers.map(asking("echo") for _ in range(100))
    next(first)
    with pytest.raises(RuntimeError, match="its own pool"):
        next(workers.map([asking("echo")]))


def test_workers_outlive_the_thread_that_first_needed_them(workers: CagedWorkers) -> None:
    pids = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: pids.append(only(workers, asking("whoami")).value["pid"]))  # type: ignore[union-attr]
        thread.start()
        thread.join()
    assert pids[0] == pids[1]


def test_no_worker_survives_its_parent() -> None:
    program = (
        "from preservation.tools import worker_process\n"
        "from preservation.tools.limits import Limits\n"
        "from preservation.tools.work import Request\n"
        "from preservation.tools.workers import CagedWorkers\n"
        f"worker_process._PROGRAM = {DRILL_WORKER!r}\n"
        "pool = CagedWorkers(Limits(cpu_seconds=60), 2, ('preservation.tools.drill',))\n"
        "job = 'preservation.tools.drill:'\n"
        "for outcome in pool.map([Request(job + 'whoami', {}, ()), Request(job + 'whoami', {}, ()),\n"
        "                         *[Request(job + 'compute_for_ever', {}, ())] * 2]):\n"
        "    print(outcome.value['pid'], flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = {int(parent.stdout.readline()) for _ in range(2)}
        time.sleep(0.3)
        assert any(Path(f"/proc/{pid}").exists() for pid in pids)
        parent.kill()
    until(lambda: not any(_is_running(pid) for pid in pids), "the end of all workers")


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_worker_starts_quickly() -> None:
    begun = os.times()
    with CagedWorkers(TIGHT, 1, PRELOAD) as pool:
        only(pool, asking("echo"))
    ended = os.times()
    # 0.08 s, its end included; a busy machine takes no more of them.
    assert sum(ended[:4]) - sum(begun[:4]) < 1.0


def test_limits_under_which_nothing_runs_are_refused() -> None:
    for wrong in ({"address_space": MIB}, {"cpu_seconds": 0}, {"open_files": 2}):
        with pytest.raises(ValueError, match=r"limit|needs"):
            Limits(**wrong)  # type: ignore[arg-type]


def test_what_is_sent_through_a_pipe_comes_from_a_process_that_served_nobody_before(
    workers: CagedWorkers,
) -> None:
    served = only(workers, asking("whoami"))
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "wb"):
        piped = only(workers, replace(asking("whoami"), pipes=(writing,)))
    assert isinstance(served, Completed)
    assert isinstance(piped, Completed)
    assert served.value["pid"] != piped.value["pid"]
