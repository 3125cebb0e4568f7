"""Check a Muniment journal with Python's standard library alone (3.8 or later).

    python3 check_journal.py
    python3 check_journal.py --public-key KEY.pem
    python3 check_journal.py journal.jsonl --head heads.jsonl --public-key journal-*.pub.pem

It shares no code with Muniment, on purpose: a reader who does not trust the archive's program can read
this one from top to bottom, or write another from docs/journal.md. Where no journal is named, it
checks the one that lies beside it, with the heads and keys that lie there unless others are named.
Several files of lines (segments, in their order), of signed heads and of keys may be named. It ends
with 0 if everything holds, with 1 if not.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

FIELDS = {"seq", "at", "event_type", "agent", "object", "outcome", "detail", "previous", "hash"}
MEMBERS = {"agent": {"kind", "name", "version"}, "detail": {"detail", "event", "note"}}
GENESIS = "0" * 64
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
SEGMENT = re.compile(r"[0-9]{9,}-[0-9]{9,}\.jsonl")
HEX64, HEX128 = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{128}")


class Fault(Exception):  # noqa: N818  a finding, raised to leave the walk
    """What is wrong: a kind, the entry it is about, and a sentence."""

    def __init__(self, kind: str, seq: int, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.seq = seq
        self.sentence = sentence


class Head(NamedTuple):
    """A signed head."""

    seq: int
    hash: str
    at: str
    key: str
    signature: str


# ---------------------------------------------------------------- the chain (docs/journal.md)


def canonical(fields: object) -> bytes:
    """Return the object as the one sequence of bytes that is hashed."""
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def read_line(line: bytes) -> tuple[int, str, str]:
    """Return seq, hash and previous hash of a line; ValueError where it does not match its own hash."""
    fields = json.loads(line.decode("utf-8"))
    if canonical(fields) + b"\n" != line:
        raise ValueError("its line is not written as an entry's line must be")
    fault = fault_of_fields(fields)
    if fault:
        raise ValueError(fault)
    claimed = fields.pop("hash")
    if hashlib.sha256(canonical(fields)).hexdigest() != claimed:
        raise ValueError("it does not match its own hash")
    datetime.fromisoformat(fields["at"][:-1])
    return fields["seq"], claimed, fields["previous"]


def fault_of_fields(fields: object) -> str:
    """Return what is wrong with the fields of an entry, or an empty text."""
    if not isinstance(fields, dict) or set(fields) != FIELDS:
        return "it has not the fields of an entry"
    for name, value in fields.items():
        if name in MEMBERS:
            sound = isinstance(value, dict) and set(value) == MEMBERS[name] and are_texts(value.values())
        elif name == "seq":
            sound = type(value) is int
        else:
            sound = are_texts([value])
        if not sound:
            return f"its field {name!r} is not what it must be"
    return "" if MOMENT.fullmatch(fields["at"]) else "its time is not a time"


def are_texts(values: Iterable[object]) -> bool:
    """Return whether all of them are text."""
    return all(isinstance(value, str) for value in values)


def calls_itself(line: bytes, seq: int) -> bool:
    """Return whether a line calls itself the entry ``seq``."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("seq") == seq


def check_chain(lines: Iterable[bytes], heads: Iterable[Head] = ()) -> tuple[int, str]:
    """Walk the chain; return its last entry's seq and hash, or raise the first ``Fault``."""
    vouched: dict[int, list[str]] = {}
    for head in heads:
        vouched.setdefault(head.seq, []).append(head.hash)
    last, last_hash = 0, GENESIS
    rest = iter(lines)
    for line in rest:
        due = last + 1
        try:
            seq, own_hash, previous = read_line(line)
        except (ValueError, RecursionError) as reason:
            raise Fault("altered", due, f"Entry {due} was altered: {reason}.") from None
        if seq < due:
            raise Fault("inserted", seq, f"Entry {seq} stands a second time, after entry {last}.")
        if seq > due:
            if any(calls_itself(other, due) for other in rest):
                raise Fault("misplaced", due, f"Entry {due} is out of its place: entry {seq} stands there.")
            raise Fault("missing", due, f"Entry {due} is missing: entry {seq} stands in its place.")
        if previous != last_hash:
            raise Fault(
                "unlinked",
                due,
                f"Entry {due} does not follow the entry before it: one of the two is not what was written.",
            )
        if any(known != own_hash for known in vouched.get(due, ())):
            raise Fault(
                "rewritten",
                due,
                f"Entry {due} is not what was vouched for: it or an entry before it was written anew.",
            )
        last, last_hash = seq, own_hash
    end = max(vouched) if vouched else 0
    if end > last:
        raise Fault(
            "truncated",
            last + 1,
            f"The journal ends with entry {last}, but there was an entry {end}: "
            f"the end was cut off from entry {last + 1}.",
        )
    return last, last_hash


# ---------------------------------------------------------------- Ed25519 (RFC 8032, section 5.1)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


class Point(NamedTuple):
    """A point in extended coordinates (section 5.1.4): x = X/Z, y = Y/Z, x·y = T/Z."""

    X: int
    Y: int
    Z: int
    T: int


def add(one: Point, other: Point) -> Point:
    """Add two points (section 5.1.4)."""
    a = (one.Y - one.X) * (other.Y - other.X) % P
    b = (one.Y + one.X) * (other.Y + other.X) % P
    c = 2 * one.T * other.T * D % P
    d = 2 * one.Z * other.Z % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return Point(e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar: int, point: Point) -> Point:
    """Multiply a point."""
    result = Point(0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(one: Point, other: Point) -> bool:
    """Return whether two points are one, without dividing by Z."""
    return (one.X * other.Z - other.X * one.Z) % P == 0 and (one.Y * other.Z - other.Y * one.Z) % P == 0


def decode_point(encoded: bytes) -> Point | None:
    """Return the point, or None where the bytes are none (section 5.1.3)."""
    y = int.from_bytes(encoded, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        return None
    x_squared = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x_squared, (P + 3) // 8, P)
    if (x * x - x_squared) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - x_squared) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return Point(x, y, 1, x * y % P)


def base_point() -> Point:
    """Return B: y = 4/5, x even (section 5.1)."""
    point = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    if point is None:
        raise ArithmeticError("this Python cannot count")
    return point


def is_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verify (section 5.1.7): S·B = R + k·A."""
    if len(public) != 32 or len(signature) != 64:  # noqa: PLR2004  section 5.1.5 and 5.1.6
        return False
    point_a, point_r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if point_a is None or point_r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return same(times(s, base_point()), add(point_r, times(k, point_a)))


# ---------------------------------------------------------------- signed heads and keys

KEY_PREFIX = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what precedes the 32 bytes of a key


def read_key(text: str) -> bytes:
    """Return the 32 bytes of a public key in PEM; ValueError where it is none."""
    match = re.search(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", text, re.DOTALL)
    encoded = base64.b64decode("".join(match.group(1).split()), validate=True) if match else b""
    if not encoded.startswith(KEY_PREFIX) or len(encoded) != len(KEY_PREFIX) + 32:
        raise ValueError("it is not an Ed25519 public key in PEM")
    return encoded[len(KEY_PREFIX) :]


def read_head(line: bytes) -> Head:
    """Return the signed head in a line; ValueError where it is none."""
    try:
        head = Head(**json.loads(line))
    except (TypeError, RecursionError):
        raise ValueError("it is not a signed head") from None
    if type(head.seq) is not int or head.seq < 1 or not are_texts(head[1:]):
        raise ValueError("it is not a signed head")
    digits = HEX64.fullmatch(head.hash) and HEX64.fullmatch(head.key) and HEX128.fullmatch(head.signature)
    if not digits or not MOMENT.fullmatch(head.at):
        raise ValueError("it is not a signed head")
    return head


def check_head(head: Head, keys: dict[str, bytes]) -> None:
    """Raise the ``Fault`` of a signature that does not hold, or that no known key made."""
    message = f"muniment journal head\n1\n{head.seq}\n{head.hash}\n{head.at}\n{head.key}\n".encode("ascii")
    if head.key not in keys:
        raise Fault(
            "missigned",
            head.seq,
            f"The head at entry {head.seq} is signed by another key ({head.key[:16]}...).",
        )
    if not is_signature(keys[head.key], message, bytes.fromhex(head.signature)):
        raise Fault("missigned", head.seq, f"The signature of the head at entry {head.seq} does not hold.")


def check(lines: Iterable[bytes], heads: list[Head], keys: dict[str, bytes]) -> tuple[int, str, list[Fault]]:
    """Check all there is; return the last entry's seq and hash, and every fault, the chain's first.

    There is no last entry (0) where the chain does not hold. Where keys are given, a head that none of
    them signed is a fault, and no evidence.
    """
    faults = []
    genuine = []
    for head in heads:
        try:
            if keys:
                check_head(head, keys)
            genuine.append(head)
        except Fault as fault:
            faults.append(fault)
    try:
        last, last_hash = check_chain(lines, genuine)
    except Fault as fault:
        return 0, "", [fault, *faults]
    return last, last_hash, faults


# ---------------------------------------------------------------- the command


def write(text: str) -> None:
    """Write to the standard output; what a terminal cannot show, as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def read_files(names: list[str]) -> Iterator[bytes]:
    """Yield the lines of all files, one after the other."""
    for name in names:
        with open(name, "rb") as file:  # noqa: PTH123  the plainest way is the easiest to read
            yield from file


def use_what_lies_beside(chosen: argparse.Namespace) -> bool:
    """Use the files beside this one for what was not named, and list them; False where no journal is."""
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  the plainest way
    names = sorted(os.listdir(folder))  # noqa: PTH208  the plainest way
    spans = sorted((int(name.split("-")[0]), name) for name in names if SEGMENT.fullmatch(name))
    beside = {
        "journal": ["journal.jsonl"] if "journal.jsonl" in names else [name for _, name in spans],
        "head": [name for name in names if name == "heads.jsonl" or name.endswith(".head.json")],
        "public_key": [name for name in names if name.endswith(".pub.pem")],
    }
    for what, found in beside.items():
        if not getattr(chosen, what):
            setattr(chosen, what, [os.path.join(folder, name) for name in found])  # noqa: PTH118  the plainest way
    if not chosen.journal:
        write(f"NOTHING CHECKED: no journal.jsonl and no segments lie in {folder}; name the journal.\n")
        return False
    write("Checking:\n")
    for name in [*chosen.journal, *chosen.head, *chosen.public_key]:
        write(f"  {name}\n")
    return True


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names, report what holds, and return 0 or 1."""
    parser = argparse.ArgumentParser(description="Check a Muniment journal: its chain and its signed heads.")
    parser.add_argument("journal", nargs="*", help="the journal, or its segments in their order")
    parser.add_argument("--head", nargs="+", action="extend", default=[], help="signed heads, one a line")
    parser.add_argument("--public-key", nargs="+", action="extend", default=[], help="trusted keys (PEM)")
    chosen = parser.parse_args(arguments)
    if not chosen.journal and not use_what_lies_beside(chosen):
        return 1
    name = ""
    try:
        keys = {}
        for name in chosen.public_key:
            raw = read_key(b"".join(read_files([name])).decode("ascii", "replace"))
            keys[hashlib.sha256(raw).hexdigest()] = raw
        heads = []
        for name in chosen.head:
            heads += [read_head(line) for line in read_files([name])]
        last, last_hash, faults = check(read_files(chosen.journal), heads, keys)
    except OSError as error:
        write(f"BROKEN: {error.filename} cannot be read: {error.strerror}\n")
        return 1
    except ValueError as error:
        write(f"BROKEN: {name}: {error}\n")
        return 1
    for fault in faults:
        write(f"BROKEN: {fault.sentence}\n")
    if not faults:
        report_what_holds(last, last_hash, heads, keys)
    return 1 if faults else 0


def report_what_holds(last: int, last_hash: str, heads: list[Head], keys: dict[str, bytes]) -> None:
    """Report what was checked and found sound, and what was not checked."""
    write(f"The chain holds: {last} entries, none altered, missing, moved or put in.\n")
    write(f"Its last hash is {last_hash}.\n")
    if not heads:
        write("No signed head was given: entries cut off at the end would not be noticed.\n")
    elif not keys:
        write(
            "The signed heads agree with it, but no public key was given: the signatures were NOT checked.\n"
        )
    else:
        newest = max(head.seq for head in heads)
        write(f"{len(heads)} signed heads agree with it, the newest at entry {newest}; ")
        write("every signature holds.\n")
        for key in sorted({head.key for head in heads}):
            write(f"Signed by the key {key}: compare it with the id that the archive gave you.\n")


if __name__ == "__main__":
    sys.exit(main())
