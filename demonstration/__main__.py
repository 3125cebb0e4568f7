"""``make demo``: draws the drops, preserves them with the command a user has, and says how each ended.

Exits 0 only if every drop ended as it should.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demonstration import rados_gateway
from demonstration.bucket_store import move_second_store_to_bucket
from demonstration.drops import Drop, draw_drops
from preservation.model.verdicts import Verdict

_MUNIMENT = Path(sys.executable).parent / "muniment"
_OWN_COLLECTION = "yours"
_POLICIES = {
    "maps": "digitized-images",
    "albums": "digitized-images",
    "ledgers": "digitized-documents",
    "letters": "digitized-images",
    "mishaps": "digitized-images",
    _OWN_COLLECTION: "digitized-images",
}
_COLLECTIONS = "".join(
    f'\n[[collection]]\nname = "{name}"\npolicy = "policies/{policy}.toml"\n'
    for name, policy in _POLICIES.items()
)
_MARK = "drawn-by-muniment"
_WIDTH = 150
"""Columns of the table where no terminal says how many there are."""


@dataclass(frozen=True, slots=True)
class End:
    """How one drop ended, beside how it had to; ``None`` where any end is right."""

    name: str
    expected: Verdict | None
    told: dict[str, Any]

    @property
    def as_it_should(self) -> bool:
        """Whether it ended as it had to."""
        return self.expected is None or self.told["verdict"] == self.expected.value


def main() -> int:
    """Run the demonstration and return the exit code."""
    arguments = _arguments()
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    started = time.monotonic()
    _clear(arguments.folder)
    console.print("Drawing the drops …")
    drops = draw_drops(arguments.folder / "drops")
    installation = arguments.folder / "installation"
    _run("init", str(installation))
    if arguments.s3:
        console.print("Starting an S3 service …")
        move_second_store_to_bucket(installation)
    try:
        return _demonstrate(drops, arguments, installation, console, started)
    finally:
        rados_gateway.let_go()


def _demonstrate(
    drops: list[Drop], arguments: argparse.Namespace, installation: Path, console: Console, started: float
) -> int:
    with (installation / "muniment.toml").open("a", encoding="utf-8") as settings:
        settings.write(_COLLECTIONS)
    console.print("Starting Prefect …")
    with _up(installation) as environment:
        ends = list(_preserve_all(drops, arguments.drop, installation, environment, console))
    _show(ends, installation, console, time.monotonic() - started)
    if arguments.s3:
        console.print(
            "The second store is a bucket of a service that ends now. make demo-shell starts it again, with "
            "a shell in which muniment doctor, status and restore reach both stores; make ui starts it, too."
        )
    wrong = [end for end in ends if not end.as_it_should]
    for end in wrong:
        console.print(f"[red]{end.name} ended as {end.told['verdict']}, and should have as {end.expected}")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demonstration", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the drops and the installation go; made anew")
    parser.add_argument("--drop", type=Path, help="a folder of yours to preserve beside the drawn ones")
    parser.add_argument("--s3", action="store_true", help="keep the second replica in a bucket")
    return parser.parse_args()


def _clear(folder: Path) -> None:
    if folder.exists():
        if not (folder / _MARK).exists():
            sys.exit(f"{folder}: this was not made by the demonstration, and nothing is overwritten")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


@contextmanager
def _up(installation: Path) -> Iterator[dict[str, str]]:
    """Keep ``muniment up`` running, so that the preserving does not wait for a server each time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "MUNIMENT_PREFECT__PORT": str(port)}
    command = [_MUNIMENT, "up", "-C", installation]
    with subprocess.Popen(  # noqa: S603  our own command, an argument list
        command, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr is not None  # noqa: S101  it was asked for two lines above
            told = []
            for line in server.stderr:
                told.append(line)
                if "muniment: up" in line:
                    break
            else:
                sys.exit("".join(told))
            yield environment
        finally:
            server.terminate()


def _preserve_all(
    drops: list[Drop], own: Path | None, installation: Path, environment: dict[str, str], console: Console
) -> Iterator[End]:
    for collection, group in groupby(drops, key=lambda drop: drop.collection):
        members = list(group)
        told = _preserve([drop.path for drop in members], collection, installation, environment, console)
        for drop, end in zip(members, told, strict=True):
            yield End(drop.path.name, drop.verdict, end)
    again = drops[0]
    for end in _preserve([again.path], again.collection, installation, environment, console):
        yield End(f"{again.path.name}, again", Verdict.ALREADY_KEPT, end)
    if own is not None:
        for end in _preserve([own.resolve()], _OWN_COLLECTION, installation, environment, console):
            yield End(own.name, None, end)


def _preserve(
    paths: list[Path], collection: str, installation: Path, environment: dict[str, str], console: Console
) -> list[dict[str, Any]]:
    console.print(f"Preserving into [bold]{collection}[/]: {', '.join(path.name for path in paths)}")
    finished = _run(
        "preserve",
        *map(str, paths),
        "--collection",
        collection,
        "-C",
        str(installation),
        "--json",
        environment=environment,
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]


def _run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(  # noqa: S603  our own command, an argument list
        [_MUNIMENT, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode not in {verdict.exit_code for verdict in Verdict}:
        sys.exit(f"muniment {arguments[0]} ended with {finished.returncode}:\n{finished.stderr}")
    return finished


def _show(ends: list[End], installation: Path, console: Console, seconds: float) -> None:
    table = Table(title="What became of each drop", title_justify="left", show_lines=False)
    for heading in ("drop", "verdict", "files", "formats", "replicas verified", "receipt"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "files" else "left")
    for end in ends:
        receipt = Path(end.told["receipt"])
        table.add_row(
            end.name,
            f"[{_COLOURS[end.told['verdict']]}]{end.told['verdict']}",
            str(end.told["files"]),
            ", ".join(_formats(receipt)) or "-",
            ", ".join(replica["store"] for replica in end.told["replicas"]) or "-",
            f"[link={receipt.as_uri()}]{receipt.relative_to(installation.resolve() / 'receipts')}[/link]",
        )
    console.print(table)
    kept = next(end for end in ends if end.told["replicas"])
    console.print(
        f"packages   {' and '.join(replica['location'] for replica in kept.told['replicas'])}, …",
        soft_wrap=True,
    )
    console.print(
        f"receipts   {installation / 'receipts'} (open the .html files in a browser)", soft_wrap=True
    )
    console.print("UI         make ui, then open the address that it prints", soft_wrap=True)
    console.print(f"journal    {_MUNIMENT} journal show -C {installation}", soft_wrap=True)
    console.print(f"{len(ends)} drops in {seconds:.0f} s")


_COLOURS = {
    "stored": "green",
    "already-kept": "cyan",
    "rejected": "red",
    "interrupted": "magenta",
    "waiting": "yellow",
}


def _formats(receipt: Path) -> list[str]:
    files = json.loads(receipt.with_suffix(".json").read_text(encoding="utf-8"))["files"]
    return sorted({file["puid"] for file in files if file.get("puid")})


if __name__ == "__main__":
    sys.exit(main())
