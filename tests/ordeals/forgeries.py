"""Forgeries of a journal by a person who can write to the database and to every store, and has not the key.

An archive is made in the tests' process: real database, folder stores, packages that are registered and
committed, and a journal that was sealed several times. ``forge`` does to it what a ``Forgery`` says.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.records import MOMENT, a_registration, an_event

from flows.archive.journal_check import CheckedJournal, JournalState, checked_in
from flows.archive.journal_export import export_checked
from flows.archive.journal_seal import seal
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.errors import IntegrityError
from preservation.model.events import EventType
from preservation.model.identifiers import StoreName
from storage.journal import standalone
from storage.journal.entries import canonical
from storage.journal.heads import head_line, read_head, sign
from storage.journal.keys import SigningKey, key_id, public_key_name, public_pem
from storage.ports.journal import Head

ROUNDS: Final = 4
STORES: Final = ("first", "second")
_WITNESS: Final = "witness.jsonl"


def make_archive(folder: Path) -> Path:
    """Make the archive, an older state of all of it (``older``), and a witness; return the archive."""
    home = folder / "archive"
    make_installation(home)
    for number in range(ROUNDS):
        if number == ROUNDS - 2:
            shutil.copytree(home, folder / "older")
        _keep_one(home, number)
        with open_installation(load_settings(home)) as opened:
            assert seal(opened).absences == []
            newest = opened.journal.signed_heads()[-1]
        with (folder / _WITNESS).open("ab") as witness:
            witness.write(head_line(newest))
    with open_installation(load_settings(home)) as opened:
        opened.journal.append([an_event(900, "maps/sheet-0", note="not sealed yet")])
    return home


def _keep_one(home: Path, number: int) -> None:
    package = f"maps/sheet-{number}/v1"
    for store in STORES:
        version = home / "stores" / store / package
        version.mkdir(parents=True)
        (version / "tagmanifest-sha512.txt").write_text("a commit\n", encoding="utf-8")
    registration = a_registration(package, f"{number:04x}", f"content {number}")
    replicas = (
        replace(replica, store=StoreName(store))
        for replica, store in zip(registration.replicas, STORES, strict=True)
    )
    accession = replace(
        an_event(10 * number + 9, f"maps/sheet-{number}"),
        event_type=EventType.ACCESSION,
        detail=f"{package} entered in the catalogue",
    )
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(an_event(10 * number + act, package) for act in range(3))
        opened.catalogue.register(replace(registration, replicas=tuple(replicas)), (), [accession])


@dataclass(frozen=True)
class Forger:
    """Where a forger can write, and what chance decides."""

    home: Path
    older: Path
    chance: random.Random

    def database(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.home / "state" / "muniment.db")
        for verb in ("UPDATE", "DELETE"):
            connection.execute(f"DROP TRIGGER IF EXISTS journal_is_append_only_{verb}")
        return connection

    def folders(self, stores: Iterable[str] = STORES) -> list[Path]:
        return [self.home / "stores" / store / "_journal" for store in stores]

    def lines(self) -> list[bytes]:
        with self.database() as connection:
            return [bytes(line) for (line,) in connection.execute("SELECT line FROM journal ORDER BY seq")]

    def write(self, lines: list[bytes]) -> None:
        """Put these lines into the database, with an index and an end of the chain that fit."""
        with self.database() as connection:
            connection.execute("DELETE FROM journal")
            last = (0, "0" * 64)
            for number, line in enumerate(lines, 1):
                fields = json.loads(line)
                subject = "/".join(fields["object"].split("/")[:2])
                identifier = f"{fields['detail']['event']}"
                if fields["seq"] != number:
                    identifier = f"{identifier} {number}"
                connection.execute(
                    "INSERT INTO journal (seq, identifier, subject, line) VALUES (?, ?, ?, ?)",
                    (number, identifier, subject, line),
                )
                last = (fields["seq"], fields["hash"])
            connection.execute("UPDATE journal_head SET seq = ?, hash = ?", last)

    def sealed(self) -> int:
        with self.database() as connection:
            (last,) = connection.execute("SELECT max(seq) FROM journal_signed_heads").fetchone()
        return int(last)

    def somewhere(self) -> int:
        """An entry that was sealed, drawn; its index."""
        return self.chance.randrange(self.sealed())


def forger(home: Path, older: Path, seed: str) -> Forger:
    return Forger(home, older, random.Random(seed))  # noqa: S311  draws, no secrets


def rehashed(line: bytes, **changed: object) -> bytes:
    fields = {**json.loads(line), **changed}
    fields.pop("hash", None)
    fields["hash"] = hashlib.sha256(canonical(fields)).hexdigest()
    return canonical(fields) + b"\n"


def chained(lines: list[bytes]) -> list[bytes]:
    """Number and hash all of them anew, so that each follows the one before it."""
    chain: list[bytes] = []
    previous = "0" * 64
    for seq, line in enumerate(lines, 1):
        chain.append(rehashed(line, seq=seq, previous=previous))
        previous = json.loads(chain[-1])["hash"]
    return chain


def _forged(line: bytes) -> bytes:
    return rehashed(line, detail={**json.loads(line)["detail"], "note": "it never happened"})


def alter(forger: Forger, lines: list[bytes]) -> list[bytes]:
    place = forger.somewhere()
    lines[place] = lines[place].replace(b'"note":"', b'"note":"not ', 1)
    return lines


def rehash_one(forger: Forger, lines: list[bytes]) -> list[bytes]:
    place = forger.somewhere()
    lines[place] = _forged(lines[place])
    return lines


def rewrite(forger: Forger, lines: list[bytes]) -> list[bytes]:
    return chained(rehash_one(forger, lines))


def drop(forger: Forger, lines: list[bytes]) -> list[bytes]:
    del lines[forger.somewhere()]
    return lines


def drop_and_chain(forger: Forger, lines: list[bytes]) -> list[bytes]:
    return chained(drop(forger, lines))


def reorder(forger: Forger, lines: list[bytes]) -> list[bytes]:
    one, other = forger.chance.sample(range(forger.sealed()), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def reorder_and_chain(forger: Forger, lines: list[bytes]) -> list[bytes]:
    return chained(reorder(forger, lines))


def insert_and_chain(forger: Forger, lines: list[bytes]) -> list[bytes]:
    place = forger.somewhere()
    event = str(forger.chance.random())
    detail = {**json.loads(lines[place])["detail"], "event": event, "note": "put in"}
    return chained([*lines[:place], rehashed(lines[place], detail=detail), *lines[place:]])


def cut(forger: Forger, lines: list[bytes]) -> list[bytes]:
    return lines[: 1 + forger.chance.randrange(forger.sealed() - 1)]


def empty(_: Forger, __: list[bytes]) -> list[bytes]:
    return []


def nothing(_: Forger, lines: list[bytes]) -> list[bytes]:
    return lines


def no_heads(forger: Forger) -> None:
    with forger.database() as connection:
        connection.execute("DELETE FROM journal_signed_heads")


def heads_too_new(forger: Forger) -> None:
    """Remove the signed heads that no longer fit, wherever they are."""
    last = len(forger.lines())
    with forger.database() as connection:
        connection.execute("DELETE FROM journal_signed_heads WHERE seq > ?", (last,))
    for folder in forger.folders():
        for file in folder.glob("*.head.json"):
            if read_head(file.read_bytes()).head.seq > last:
                file.unlink()
                (folder / file.name.replace(".head.json", ".jsonl")).unlink()


def kept_heads(_: Forger) -> None:
    """Leave them as they are."""


def no_heads_in_one_store(forger: Forger) -> None:
    no_heads(forger)
    for file in forger.folders([forger.chance.choice(STORES)])[0].glob("*.head.json"):
        file.unlink()


def no_heads_anywhere(forger: Forger) -> None:
    no_heads(forger)
    for folder in forger.folders():
        for file in folder.glob("*.head.json"):
            file.unlink()


def no_folder_anywhere(forger: Forger) -> None:
    no_heads(forger)
    for folder in forger.folders():
        shutil.rmtree(folder)


def a_new_key(forger: Forger) -> None:
    """Sign with a key of one's own, lay its public half into the stores, and seal with it there."""
    no_folder_anywhere(forger)
    private = Ed25519PrivateKey.generate()
    key = SigningKey(key_id(private.public_key()), private)
    lines = forger.lines()
    if not lines:
        return
    fields = json.loads(lines[-1])
    signed = sign(Head(len(lines), fields["hash"]), MOMENT + timedelta(days=1), key)
    at = json.loads(head_line(signed))["at"]
    with forger.database() as connection:
        connection.execute(
            "INSERT INTO journal_signed_heads (seq, hash, at, key, signature) VALUES (?, ?, ?, ?, ?)",
            (signed.head.seq, signed.head.hash, at, signed.key, signed.signature),
        )
    for folder in forger.folders():
        folder.mkdir()
        span = f"000000001-{len(lines):09d}"
        (folder / f"{span}.jsonl").write_bytes(b"".join(lines))
        (folder / f"{span}.head.json").write_bytes(head_line(signed))
        (folder / public_key_name(key.identifier)).write_bytes(public_pem(private.public_key()))


def old_database(forger: Forger) -> None:
    for file in (forger.home / "state").glob("muniment.db*"):
        file.unlink()
    for file in (forger.older / "state").glob("muniment.db*"):
        shutil.copy(file, forger.home / "state")


def old_database_and_stores(forger: Forger) -> None:
    old_database(forger)
    shutil.rmtree(forger.home / "stores")
    shutil.copytree(forger.older / "stores", forger.home / "stores")


def old_everything(forger: Forger) -> None:
    shutil.rmtree(forger.home)
    shutil.copytree(forger.older, forger.home)


def a_copy_altered(forger: Forger) -> None:
    file = _a_copy(forger)
    content = bytearray(file.read_bytes())
    content[forger.chance.randrange(len(content))] ^= 1 << forger.chance.randrange(7)
    file.chmod(0o644)
    file.write_bytes(content)


def a_copy_removed(forger: Forger) -> None:
    _a_copy(forger).unlink()


def a_copy_rehashed(forger: Forger) -> None:
    folder = forger.chance.choice(forger.folders())
    file = forger.chance.choice(sorted(folder.glob("*.jsonl")))
    lines = file.read_bytes().splitlines(keepends=True)
    lines[-1] = _forged(lines[-1])
    file.chmod(0o644)
    file.write_bytes(b"".join(lines))


def a_folder_removed(forger: Forger) -> None:
    shutil.rmtree(forger.chance.choice(forger.folders()))


def a_catalogue_row_removed(forger: Forger) -> None:
    with forger.database() as connection:
        (row,) = forger.chance.choice(connection.execute("SELECT id FROM packages").fetchall())
        (version,) = connection.execute("SELECT version_id FROM packages WHERE id = ?", (row,)).fetchone()
        connection.execute("DELETE FROM replicas WHERE package_id = ?", (row,))
        connection.execute("DELETE FROM packages WHERE id = ?", (row,))
        connection.execute("DELETE FROM versions WHERE id = ?", (version,))


def a_replica_removed(forger: Forger) -> None:
    shutil.rmtree(
        forger.home
        / "stores"
        / forger.chance.choice(STORES)
        / f"maps/sheet-{forger.chance.randrange(ROUNDS)}"
    )


def a_package_put_in(forger: Forger) -> None:
    maps = forger.home / "stores" / "first" / "maps"
    shutil.copytree(maps / "sheet-0", maps / "never")


def _a_copy(forger: Forger) -> Path:
    folder = forger.chance.choice(forger.folders())
    # The checker that lies beside the journal is none of it.
    return forger.chance.choice(sorted(path for path in folder.iterdir() if path.suffix != ".py"))


CHAINS: Final[tuple[Callable[[Forger, list[bytes]], list[bytes]], ...]] = (
    alter, rehash_one, rewrite, drop, drop_and_chain, reorder, reorder_and_chain, insert_and_chain, cut,
    empty,
)  # fmt: skip
HEADS: Final[tuple[Callable[[Forger], None], ...]] = (
    kept_heads, no_heads, heads_too_new, no_heads_in_one_store, no_heads_anywhere, no_folder_anywhere,
    a_new_key,
)  # fmt: skip
ELSEWHERE: Final[tuple[Callable[[Forger], None], ...]] = (
    no_heads, no_heads_in_one_store, no_heads_anywhere, no_folder_anywhere, a_new_key, a_copy_altered,
    a_copy_removed, a_copy_rehashed, a_folder_removed, a_catalogue_row_removed, a_replica_removed,
    a_package_put_in,
)  # fmt: skip
"""What leaves the entries in the database as they are."""

ROLLBACKS: Final[tuple[Callable[[Forger], None], ...]] = (old_database, old_database_and_stores)


@dataclass(frozen=True)
class Forgery:
    """What is done: entries are changed, then heads removed or made, or something else is."""

    name: str
    acts: Callable[[Forger], None]
    entries: bool
    """Whether entries are other ones, or fewer, so that no check may find the journal sound."""


def _of(chain: Callable[[Forger, list[bytes]], list[bytes]], heads: Callable[[Forger], None]) -> Forgery:
    def acts(forger: Forger) -> None:
        forger.write(chain(forger, forger.lines()))
        heads(forger)

    return Forgery(f"{chain.__name__}, {heads.__name__}", acts, entries=True)


FORGERIES: Final = (
    *(_of(chain, heads) for chain in CHAINS for heads in HEADS),
    *(Forgery(act.__name__, act, entries=False) for act in ELSEWHERE),
    *(Forgery(act.__name__, act, entries=True) for act in ROLLBACKS),
)


def check(home: Path, witnesses: tuple[Path, ...] = ()) -> CheckedJournal:
    with open_installation(load_settings(home)) as opened:
        return checked_in(opened, witnesses)


def offline(export: Path, *arguments: str) -> int:
    """Run the checker of the export as if it lay there: with what lies beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standalone, "__file__", str(export / "check_journal.py"))
        return standalone.main(list(arguments))


def prove(forgery: Forgery, made: Path, work: Path, seed: str) -> None:
    """Forge a copy of the archive that was ``made``, and prove that nothing takes it for sound."""
    home = work / "archive"
    shutil.copytree(made / "archive", home)
    forgery.acts(forger(home, made / "older", seed))
    checked = check(home)
    assert checked.state is not JournalState.INTACT, forgery.name
    # A genuine head that was removed may be put back, whatever stands there now.
    signatures = _signatures(home) | _signatures(made / "archive")

    exported = export_checked(load_settings(home), work / "export")
    assert exported.checked.state is not JournalState.INTACT, forgery.name
    assert _signatures(home) <= signatures, f"{forgery.name}: the export signed it"
    if forgery.entries:
        assert offline(work / "export") == 1, f"{forgery.name}: the offline check found it sound"
        with open_installation(load_settings(home)) as opened, pytest.raises(IntegrityError):
            seal(opened)
        assert _signatures(home) <= signatures, f"{forgery.name}: sealing signed it"
        assert check(home).state is JournalState.BROKEN, forgery.name


def _signatures(home: Path) -> set[str]:
    with sqlite3.connect(home / "state" / "muniment.db") as connection:
        return {text for (text,) in connection.execute("SELECT signature FROM journal_signed_heads")}
