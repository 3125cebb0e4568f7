"""The command's output: results on stdout, everything else on stderr, JSON lines with ``--json``."""

import sys
from collections.abc import Iterable, Mapping, Sequence

from preservation.model.issues import Issue
from preservation.model.packages import Replica

_ISSUES_SHOWN = 20

WITHOUT_COPY = 8
"""Kept, and a copy that the policy asks for is lacking."""

GRAVEST_FIRST = (6, 4, 2, 1, 3, 7, WITHOUT_COPY, 0)
"""Of several exit codes, the first of these is that of the command."""

CONTRACT_VERSION = 1
"""The ``version`` in every JSON line; it is raised when a field changes its meaning or is removed."""


def say_json(fields: Mapping[str, object]) -> None:
    """Write one result as one JSON object on one line of stdout, with the contract's version."""
    import msgspec

    line = msgspec.json.encode({"version": CONTRACT_VERSION, **fields}, enc_hook=str)
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def say(text: str) -> None:
    """Write a result for a person to stdout."""
    sys.stdout.write(f"{text}\n")


def say_issues(issues: Sequence[Issue], all_of_them: str) -> None:
    """Write the first issues, each with its next step; ``all_of_them`` says where the others are."""
    for issue in issues[:_ISSUES_SHOWN]:
        say(f"  {issue.severity.value:8} {issue.code}  {issue.message}")
        if issue.next_step:
            say(f"           → {issue.next_step}")
    if len(issues) > _ISSUES_SHOWN:
        say(f"  and {len(issues) - _ISSUES_SHOWN:,} more: {all_of_them}")


def replica_fields(replicas: Iterable[Replica]) -> list[dict[str, object]]:
    """Return the fields of replicas in a JSON line."""
    return [
        {"store": replica.store, "location": replica.location, "verified_at": replica.verified_at}
        for replica in replicas
    ]


def note(text: str) -> None:
    """Write progress, a remark or a fault to stderr."""
    sys.stderr.write(f"{text}\n")
