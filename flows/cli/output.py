"""How the command speaks: results on stdout, everything else on stderr, JSON lines where asked for."""

import sys
from collections.abc import Mapping

CONTRACT_VERSION = 1
"""Stands as ``version`` in every JSON line; raised when a field changes its meaning or goes."""


def say_json(fields: Mapping[str, object]) -> None:
    """Write one result as one JSON object on one line of stdout, with the contract's version."""
    import msgspec

    line = msgspec.json.encode({"version": CONTRACT_VERSION, **fields}, enc_hook=str)
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def say(text: str) -> None:
    """Write a result for a person to stdout."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Write progress, a remark or a fault to stderr."""
    sys.stderr.write(f"{text}\n")
