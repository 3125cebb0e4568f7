"""The filters of other architectures, which cannot be run here: what each would answer is worked out."""

import os

import pytest
from support.system_calls import (
    ALLOW,
    AUDIT_NAMES,
    BY_ARGUMENT,
    HIGHEST,
    KILL_PROCESS,
    REFUSE,
    X32_BIT,
    answer_of,
    filter_for,
    names_of,
)

from preservation.tools import seccomp


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_of_each_architecture_allows_what_is_on_the_list_and_refuses_all_else(machine: str):
    program, architecture, names = filter_for(machine), AUDIT_NAMES[machine], names_of(machine)
    wrong = {}
    for number in range(HIGHEST):
        name = names.get(number)
        if name in BY_ARGUMENT:
            continue
        answer = answer_of(program, architecture, number)
        if answer != (ALLOW if name in seccomp.ALLOWED else REFUSE):
            wrong[name or number] = hex(answer)
    assert wrong == {}
    for foreign in {*AUDIT_NAMES.values(), 0x40000003, 0x40000028} - {architecture}:
        assert answer_of(program, foreign, 0) == KILL_PROCESS
    if machine == "x86_64":
        assert answer_of(program, architecture, X32_BIT | 39) == KILL_PROCESS


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_arguments_are_compared_where_each_architecture_has_them(machine: str):
    program, architecture = filter_for(machine), AUDIT_NAMES[machine]
    numbers = {name: number for number, name in names_of(machine).items()}
    high = 1 << 32
    for name, allowed, refused in (
        ("openat", (3, 9, os.O_CLOEXEC), (3, 9, os.O_WRONLY)),
        ("openat", (3, 9, os.O_NOFOLLOW), (3, 9, os.O_CREAT)),
        ("clone", (0x50F00 | 0x10000,), (0x50F00 | 0x10000 | 0x10000000,)),
        ("kill", (os.getpid(), 9), (os.getpid() | high, 9)),
        ("tgkill", (os.getpid(), 5, 9), (os.getppid(), 5, 9)),
        ("prlimit64", (0, 1), (1, 1)),
        ("sendto", (3, 9, 9, 0, 0), (3, 9, 9, 0, 9)),
        ("fcntl", (3, 3), (3, 8)),
        ("ioctl", (3, 0x5401), (3, 0x5412)),
        ("prctl", (15,), (4,)),
    ):
        assert answer_of(program, architecture, numbers[name], *allowed) == ALLOW, (name, allowed)
        assert answer_of(program, architecture, numbers[name], *refused) == REFUSE, (name, refused)
