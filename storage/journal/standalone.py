"""Check a Muniment journal with Python's standard library alone (3.8 or later).

    python3 check_journal.py
    python3 check_journal.py --public-key KEY.pem --witness HEADS
    python3 check_journal.py journal.jsonl --head heads.jsonl --public-key journal-*.pub.pem

It shares no code with Muniment, on purpose: a reader who does not trust the archive's program can read
this one from top to bottom, or write another from docs/journal.md. Where no journal is named, it
checks the one that lies beside it, with the heads and keys that lie there unless others are named.
Several files of lines (segments, in their order), of signed heads and of keys may be named. A witness is
any file that has signed heads in it, such as mails that the archive sent. It ends with 0 if everything
holds, with 1 if not, or if there is no signed head or no key to check it by.
"""

from __future__ import annotations

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
SEGMENT = re.compile(r"([0-9]{9,})-([0-9]{9,})(\.[0-9]+)?(\.jsonl|\.head\.json)")
HEAD = re.compile(
    rb'\{"at":"[^"]{27}","hash":"[0-9a-f]{64}","key":"[0-9a-f]{64}","seq":[0-9]{1,18},'
    rb'"signature":"[0-9a-f]{128}"\}'
)
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


def lies_beside() -> dict[str, list[str]]:
    """Return the journal, the heads, the keys and the known faults beside this file, by what they are."""
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  the plainest way
    names = sorted(os.listdir(folder))  # noqa: PTH208  the plainest way
    paths = [os.path.join(folder, name) for name in names]  # noqa: PTH118  the plainest way
    named = dict(zip(names, paths))  # noqa: B905  Python 3.8 does not know strict
    other_heads = [
        path
        for name, path in named.items()
        if name == "heads.jsonl" or (name.endswith(".head.json") and not SEGMENT.fullmatch(name))
    ]
    return {
        "journal": [named["journal.jsonl"]] if "journal.jsonl" in named else segments_in(named),
        "head": other_heads + heads_in(named),
        "public_key": keys_in(named),
        "faults": [path for name, path in named.items() if name == "faults.jsonl"],
        "stamps": [path for name, path in named.items() if name.endswith(".tsr")],
    }


def copies_in(named: dict[str, str], suffix: str) -> dict[tuple[int, int], list[str]]:
    """Return the files of each segment, by its first and last entry.

    Where an archive finds a copy damaged, it gives it once more beside it: FIRST-LAST.2.jsonl.
    """
    found: dict[tuple[int, int], list[str]] = {}
    for name, path in named.items():
        match = SEGMENT.fullmatch(name)
        if match and match.group(4) == suffix:
            found.setdefault((int(match.group(1)), int(match.group(2))), []).append(path)
    return found


def heads_in(named: dict[str, str]) -> list[str]:
    """Return a file of the head of each segment: one that is a signed head, if there is any."""
    copies = copies_in(named, ".head.json")
    return [next(filter(has_a_head, copies[span]), copies[span][0]) for span in sorted(copies)]


def keys_in(named: dict[str, str]) -> list[str]:
    """Return the files of public keys: those that can be read, if there are any."""
    found = [path for name, path in named.items() if name.endswith(".pub.pem")]
    return list(filter(has_a_key, found)) or found


def has_a_key(path: str) -> bool:
    """Return whether a file is a public key."""
    try:
        return read_key(b"".join(read_files([path])).decode("ascii", "replace")) != b""
    except ValueError:
        return False


def segments_in(named: dict[str, str]) -> list[str]:
    """Return a file of each segment, in their order: one that is sound in itself, if there is any."""
    copies = copies_in(named, ".jsonl")
    chosen = []
    covered = 0
    for first in sorted({span[0] for span in copies}):
        # What was sealed a second time, with other bounds, has the same entries.
        if first > covered:
            found = [
                (last, path)
                for begins, last in sorted(copies)
                if begins == first
                for path in copies[begins, last]
            ]
            sound = [(last, path) for last, path in found if has_entries(path, first, last)]
            covered, path = (sound or found)[0]
            chosen.append(path)
    return chosen


def has_a_head(path: str) -> bool:
    """Return whether a file is a signed head, be it genuine or not."""
    try:
        return [read_head(line) for line in read_files([path])] != []
    except ValueError:
        return False


def has_entries(path: str, first: int, last: int) -> bool:
    """Return whether the lines of a file are the entries ``first`` to ``last``, each of which follows."""
    due = first
    previous = ""
    try:
        for line in read_files([path]):
            seq, own_hash, follows = read_line(line)
            if seq != due or (previous and follows != previous):
                return False
            due, previous = due + 1, own_hash
    except (ValueError, RecursionError):
        return False
    return due == last + 1


def use_what_lies_beside(chosen: argparse.Namespace) -> bool:
    """Use the files beside this one for what was not named, and list them; False where no journal is."""
    beside = lies_beside()
    for what in ("journal", "head", "public_key"):
        if not getattr(chosen, what):
            setattr(chosen, what, beside[what])
    chosen.faults = beside["faults"]
    if not chosen.journal:
        folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  the plainest way
        write(f"NOTHING CHECKED: no journal.jsonl and no segments lie in {folder}; name the journal.\n")
        return False
    write("Checking:\n")
    for name in [*chosen.journal, *chosen.head, *chosen.public_key, *chosen.witness]:
        write(f"  {name}\n")
    if beside["stamps"]:
        write(
            f"Time stamps beside it, NOT checked here: {len(beside['stamps'])}. To check each of them: "
            "openssl ts -verify -data NUMBERS.head.json -in NUMBERS.tsa-ID.tsr -CAfile ROOTS.pem\n"
        )
    return True


def read_witness(name: str) -> list[Head]:
    """Return every signed head in a file of any kind; ValueError where it has none."""
    text = b"".join(read_files([name])).replace(b'\\"', b'"')
    heads = [read_head(line) for line in HEAD.findall(text)]
    if not heads:
        raise ValueError("there is no signed head in it")
    return heads


def read_faults(names: list[str]) -> Iterator[str]:
    """Yield what the archive itself found to be wrong with the journal when it exported it."""
    for line in read_files(names):
        try:
            yield str(json.loads(line)["message"])
        except (ValueError, RecursionError, LookupError, TypeError):
            yield "a fault that cannot be read"


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names, report what holds, and return 0 or 1."""
    parser = argparse.ArgumentParser(description="Check a Muniment journal: its chain and its signed heads.")
    parser.add_argument("journal", nargs="*", help="the journal, or its segments in their order")
    parser.add_argument("--head", nargs="+", action="extend", default=[], help="signed heads, one a line")
    parser.add_argument("--public-key", nargs="+", action="extend", default=[], help="trusted keys (PEM)")
    parser.add_argument("--witness", nargs="+", action="extend", default=[], help="files with signed heads")
    chosen = parser.parse_args(arguments, argparse.Namespace(faults=[]))
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
        # In an export, those that were time-stamped stand in files of their own too.
        heads = list(dict.fromkeys(heads))
        for name in chosen.witness:
            heads += read_witness(name)
        last, last_hash, faults = check(read_files(chosen.journal), heads, keys)
    except OSError as error:
        write(f"BROKEN: {error.filename} cannot be read: {error.strerror}\n")
        return 1
    except ValueError as error:
        write(f"BROKEN: {name}: {error}\n")
        return 1
    known = list(read_faults(chosen.faults))
    for fault in faults:
        write(f"BROKEN: {fault.sentence}\n")
    for sentence in known:
        write(f"BROKEN: the archive itself reported, when it exported this: {sentence}\n")
    if faults or known:
        return 1
    return report_what_holds(last, last_hash, heads, keys)


def report_what_holds(last: int, last_hash: str, heads: list[Head], keys: dict[str, bytes]) -> int:
    """Report what was checked and found sound, and what was not; return 0 where it is proved, else 1."""
    write(f"The chain holds: {last} entries, none altered, missing, moved or put in.\n")
    write(f"Its last hash is {last_hash}.\n")
    if not heads:
        write(
            "NOT PROVED: no signed head was given, so it may have been written anew or cut off at its end. "
            "Get the signed heads (heads.jsonl, *.head.json, or a witness) and check it again.\n"
        )
        return 1
    if not keys:
        write(
            "NOT PROVED: the signed heads agree with it, but no public key was given: the signatures were "
            "NOT checked. Get the archive's public key and check it again.\n"
        )
        return 1
    newest = max(head.seq for head in heads)
    write(f"{len(heads)} signed heads agree with it, the newest at entry {newest}; ")
    write("every signature holds.\n")
    if newest < last:
        write(f"No signature vouches for the entries after {newest}: they are younger than it.\n")
    for key in sorted({head.key for head in heads}):
        write(f"Signed by the key {key}: compare it with the id that the archive gave you.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
