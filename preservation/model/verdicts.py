"""How a submission ends. Four different ends, and one for what is known already."""

from enum import StrEnum


class Verdict(StrEnum):
    """The end of a submission. Content, system and people are never confused with each other."""

    STORED = "stored"
    ALREADY_KEPT = "already-kept"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"
    WAITING = "waiting"

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0 kept, 3 content, 6 system, 7 a person."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Verdict.STORED: 0,
    Verdict.ALREADY_KEPT: 0,
    Verdict.REJECTED: 3,
    Verdict.INTERRUPTED: 6,
    Verdict.WAITING: 7,
}
