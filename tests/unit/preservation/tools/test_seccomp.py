"""The list of allowed system calls, held against every number that there is, in real processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from support.system_calls import BY_ARGUMENT, HERE, HIGHEST, X32_BIT, every_name, names_of, number_of

from preservation.tools import seccomp

AS_ROOT = os.geteuid() == 0
ACCOUNTS = [pytest.param(0, marks=pytest.mark.skipif(not AS_ROOT, reason="takes root")), 4711]

NOT_FILTERED = {335, 336} if HERE == "x86_64" else set()
"""uretprobe and uprobe, which Linux lets past every filter: they end a process that is not being probed."""

CONFINED = """
import ctypes, errno, fcntl, json, mmap, os, resource, sys, threading
import encodings.idna, socket
from preservation.tools import kernel, seccomp
from preservation.tools.confinement import allow_calls
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    padded = [ctypes.c_long(argument) for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(number), *padded)
    return ctypes.get_errno()
if os.geteuid() == 0 and int(sys.argv[1]):
    os.setgroups([]); os.setresgid(int(sys.argv[1]), int(sys.argv[1]), int(sys.argv[1]))
    os.setresuid(int(sys.argv[1]), int(sys.argv[1]), int(sys.argv[1]))
kernel.forbid_new_privileges()
"""


def confined(program: str, account: int, *arguments: object) -> object:
    """Run ``program`` in a process that has become ``account``, and return what it writes as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", CONFINED + program, str(account), json.dumps(arguments)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_every_call_that_is_not_on_the_list_is_refused_also_those_that_linux_has_not_got_yet(account: int):
    names = names_of(HERE)
    assert len(names) > 300
    allowed = {number for number, name in names.items() if name in seccomp.ALLOWED | BY_ARGUMENT}
    refused = [number for number in range(HIGHEST) if number not in allowed | NOT_FILTERED]
    assert len(refused) > 850

    answers = confined(
        "allow_calls()\nprint(json.dumps([call(number) for number in json.loads(sys.argv[2])[0]]))",
        account,
        refused,
    )

    assert {names.get(n, n): a for n, a in zip(refused, answers, strict=True) if a != errno.ENOSYS} == {}


@pytest.mark.parametrize("number", NOT_FILTERED)
def test_what_no_filter_sees_does_nothing_but_end_the_process(number: int):
    program = f"allow_calls()\nassert call({number}) == errno.ENOSYS\nsys.exit(1)"
    done = subprocess.run([sys.executable, "-c", CONFINED + program, "4711"], check=False)
    assert done.returncode in {-signal.SIGILL, 1}


CLASSES = """
sockets: socket socketpair connect bind listen accept accept4 sendmsg sendmmsg setsockopt
memory_beyond_the_limit: memfd_create memfd_secret shmget shmat shmctl shmdt remap_file_pages mlock
    mlock2
what_outlives_the_process: semget semop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink
    mq_notify
rights_and_times: chmod fchmod fchmodat chown fchown lchown fchownat utime utimes futimesat
    utimensat
attributes: setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
files: creat openat2 truncate unlink unlinkat rename renameat renameat2 link linkat symlink
    symlinkat mkdir mkdirat rmdir mknod mknodat fallocate copy_file_range sendfile splice tee
    vmsplice
files_by_handle: name_to_handle_at open_by_handle_at
queues_of_calls: io_uring_setup io_uring_enter io_uring_register io_setup io_submit
other_processes: ptrace process_vm_readv process_vm_writev kcmp pidfd_open pidfd_getfd
    pidfd_send_signal process_madvise tkill rt_sigqueueinfo rt_tgsigqueueinfo move_pages
    migrate_pages setpriority sched_setaffinity
new_processes: fork vfork clone3 execve execveat setsid setpgid
namespaces: unshare setns mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount
    open_tree mount_setattr
keys: add_key request_key keyctl
the_kernel: bpf userfaultfd perf_event_open kexec_load kexec_file_load init_module finit_module
    delete_module reboot swapon swapoff acct syslog iopl ioperm modify_ldt personality quotactl
    settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname nfsservctl
    lookup_dcookie vhangup
identities: setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset
    seccomp landlock_create_ruleset
looks_at_what_happens_to_files: inotify_init inotify_init1 inotify_add_watch fanotify_init
    fanotify_mark
"""


@pytest.mark.parametrize("line", CLASSES.replace("\n    ", " ").strip().splitlines())
def test_no_call_is_allowed_of(line: str):
    calls = set(line.partition(":")[2].split())
    assert calls <= every_name()
    assert not calls & (seccomp.ALLOWED | BY_ARGUMENT)


def test_the_calls_on_the_list_are_ones_that_there_are():
    known = every_name()
    assert known >= seccomp.ALLOWED | BY_ARGUMENT
    assert not seccomp.ALLOWED & BY_ARGUMENT


REFUSED_BY_ARGUMENT: Mapping[str, Sequence[tuple[int | str, ...]]] = {
    "openat": [(-100, "path", os.O_WRONLY), (-100, "path", os.O_RDWR), (-100, "path", os.O_CREAT, 0o600),
               (-100, "path", os.O_TRUNC), (-100, "path", os.O_TMPFILE | os.O_RDWR, 0o600)],
    "open": [("path", os.O_WRONLY), ("path", os.O_RDWR), ("path", os.O_CREAT, 0o600), ("path", os.O_TRUNC)],
    "sendto": [(-1, 0, 0, 0, "path", 16)],
    "clone": [(0,), (signal.SIGCHLD,), (0x100 | 0x4000 | signal.SIGCHLD,),
              *((0x10000 | 0x800 | 0x100 | namespace,) for namespace in
                (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000))],
    "kill": [("parent", 0), (1, 0), (0, 0), (-1, 0)],
    "tgkill": [("parent", "parent", 0), (1, 1, 0)],
    "prlimit64": [("parent", 4, 0, 0), (1, 4, 0, 0)],
    "prctl": [(option, 0) for option in range(1, 80) if option not in (15, 16)],
    "fcntl": [(0, command, 0) for command in range(2000) if command not in (0, 1, 2, 3, 4, 1030)],
    "ioctl": [(0, request, 0) for request in
              (0x5412, 0x5413, 0x541C, 0x40086602, 0x40049409, 0x4020940D, 0x40086604, 0x8901, 0x8902, 0x5452,
               0x401C5820, 0xC0185879, 0x5405, 0x5423)],
}  # fmt: skip  # calls with their arguments, to be read one by one


@pytest.mark.parametrize("account", ACCOUNTS)
def test_what_depends_on_an_argument_is_refused_with_every_other_one(account: int):
    here = set(names_of(HERE).values())
    tried = [
        (name, number_of(name), arguments)
        for name, ways in REFUSED_BY_ARGUMENT.items()
        for arguments in ways
        if name in here
    ]
    assert {name for name, *_ in tried} == BY_ARGUMENT & here
    program = (
        "path = ctypes.create_string_buffer(b'/proc/self/cmdline')\n"
        "meant = {'path': ctypes.addressof(path), 'parent': os.getppid()}\n"
        "tried = json.loads(sys.argv[2])[0]\n"
        "allow_calls()\n"
        "print(json.dumps([call(number, *(meant.get(a, a) for a in given)) for _, number, given in tried]))"
    )

    answers = confined(program, account, tried)

    held = [(name, arguments, answer) for (name, _, arguments), answer in zip(tried, answers, strict=True)]
    assert [one for one in held if one[2] != errno.ENOSYS] == []


def test_what_a_worker_needs_of_these_calls_still_works():
    program = (
        "allow_calls()\n"
        "os.kill(os.getpid(), 0)\n"
        "with open('/proc/self/cmdline') as file: assert not file.isatty()\n"
        "os.set_inheritable(0, True); os.close(os.dup(0)); fcntl.fcntl(0, fcntl.F_GETFL)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "thread = threading.Thread(target=lambda: None); thread.start(); thread.join()\n"
        "print(json.dumps('done'))"
    )
    assert confined(program, 4711) == "done"


def test_threads_that_were_there_before_are_refused_the_same():
    program = (
        "shut, told = threading.Event(), []\n"
        "def library_of_its_own():\n"
        "    shut.wait(); told.append(call(json.loads(sys.argv[2])[0], 1, 1, 0))\n"
        "thread = threading.Thread(target=library_of_its_own); thread.start()\n"
        "allow_calls(); shut.set(); thread.join()\n"
        "print(json.dumps(told))"
    )
    assert confined(program, 4711, number_of("socket")) == [errno.ENOSYS]


MACHINE_CODE = {
    # syscall of x32: getpid with the bit that says so. Then int 0x80, the way of 32-bit code: number 20.
    "x32": f"b'\\xb8' + ({X32_BIT} | 39).to_bytes(4, 'little') + b'\\x0f\\x05\\xc3'",
    "i386": "b'\\x53\\xb8\\x14\\0\\0\\0\\xcd\\x80\\x5b\\xc3'",
}


@pytest.mark.skipif(HERE != "x86_64", reason="the foreign architectures of x86-64")
@pytest.mark.parametrize("foreign", MACHINE_CODE)
def test_a_call_of_a_foreign_architecture_is_the_end(foreign: str):
    program = (
        f"code = {MACHINE_CODE[foreign]}\n"
        "page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "page.write(code)\n"
        "run = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))\n"
        "allow_calls()\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", CONFINED + program, "4711", "[]"], check=False)
    assert done.returncode == -signal.SIGSYS
