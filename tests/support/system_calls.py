"""The system calls of each architecture as libseccomp has them, and what a filter answers to each."""

import ctypes
import errno
import platform
import struct
import tempfile

from preservation.tools import seccomp

HERE = platform.machine()
HIGHEST = 1024
"""Linux has fewer than 500 calls; what lies above is what it may gain."""

AUDIT_NAMES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}
X32_BIT = 0x40000000
BY_ARGUMENT = {rule.call for rule in seccomp.by_argument()}
ALLOW, KILL_PROCESS, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.ENOSYS


def library() -> ctypes.CDLL:
    """Return libseccomp with its table at hand."""
    found = seccomp._library()
    assert found is not None, "libseccomp is not installed: apt-get install libseccomp2"
    found.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p
    found.seccomp_syscall_resolve_num_arch.argtypes = (ctypes.c_uint32, ctypes.c_int)
    return found


def names_of(machine: str) -> dict[int, str]:
    """Return libseccomp's own table of an architecture."""
    named = {
        number: library().seccomp_syscall_resolve_num_arch(AUDIT_NAMES[machine], number)
        for number in range(HIGHEST)
    }
    return {number: name.decode() for number, name in named.items() if name}


def number_of(name: str) -> int:
    """Return the number of a call on this machine."""
    number: int = library().seccomp_syscall_resolve_name(name.encode())
    return number


def every_name() -> set[str]:
    """Return the calls that any of the architectures has."""
    return {name for machine in AUDIT_NAMES for name in names_of(machine).values()}


def filter_for(machine: str) -> list[tuple[int, int, int, int]]:
    """Return the instructions of the cage's filter for an architecture, which need not be this one."""
    made = library()
    draft = made.seccomp_init(REFUSE)
    for change in (made.seccomp_arch_add, made.seccomp_arch_remove):
        change.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    made.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    try:
        if machine != HERE:
            assert made.seccomp_arch_add(draft, AUDIT_NAMES[machine]) == 0
            assert made.seccomp_arch_remove(draft, AUDIT_NAMES[HERE]) == 0
        seccomp.fill(made, draft, seccomp.ALLOWED, seccomp.by_argument())
        with tempfile.TemporaryFile() as file:
            assert made.seccomp_export_bpf(draft, file.fileno()) == 0
            file.seek(0)
            return list(struct.iter_unpack("=HBBI", file.read()))
    finally:
        made.seccomp_release(draft)


def answer_of(
    program: list[tuple[int, int, int, int]], architecture: int, number: int, *arguments: int
) -> int:
    """Work out what the kernel would answer, by the instructions of the classic packet filter."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    call = struct.pack("=IIQ6Q", number, architecture, 0, *padded)
    held = at = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", call, operand)
            case 0x54:
                held &= operand
            case 0x05:
                at += operand
            case 0x15:
                at += if_true if held == operand else if_false
            case 0x25:
                at += if_true if held > operand else if_false
            case 0x35:
                at += if_true if held >= operand else if_false
            case 0x45:
                at += if_true if held & operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"an instruction that no filter had so far: {code:#x}")
