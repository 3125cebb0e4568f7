"""An installation made for measuring, and whole ways in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.footprint import Footprint
from benchmarks.leavings import Leavings
from benchmarks.measuring import Figures
from flows.installation.settings_file import load_settings
from flows.orchestration.environment import auth_environment
from flows.orchestration.server import prefect_api

MUNIMENT = str(Path(sys.executable).parent / "muniment")
AS_THE_PEERS = Path(__file__).parent / "as-the-peers.toml"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Preserved:
    """One run on its whole way.

    ``seconds`` of wall time are those of each kind of work, ``caged`` is the peak in MiB of the largest
    caged process. ``memory`` is the most bytes of all processes at once, ``disk`` of what was not there
    before and is neither in a store nor Prefect's.
    """

    figures: Figures
    seconds: Mapping[str, float]
    caged: float
    memory: int
    disk: int


@dataclass(frozen=True, slots=True)
class Installation:
    """Where it is, and the Prefect that serves it."""

    directory: Path
    api_url: str
    leavings: Leavings

    def preserve(self, drops: Sequence[Path]) -> Preserved:
        """Preserve the drops in a process of its own; then empty the stores.

        Exits where one of them does not end as stored.
        """
        command = [sys.executable, _HERE / "whole_way.py", self.directory, self.api_url, *drops]
        scratch = self.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        # What goes to the system's place for temporary files is to be seen too.
        environment = {**os.environ, "PYTHONPATH": str(_HERE.parent), "TMPDIR": str(scratch)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            apart = frozenset({self.directory / "stores", self.directory / "state" / "prefect"})
            with Footprint(process.pid, self.directory, apart) as footprint:
                said, _ = process.communicate()
        if process.returncode != 0:
            sys.exit(f"{command}\nended with {process.returncode}")
        told = json.loads(said.splitlines()[-1])
        if told["verdicts"] != ["stored"] or told["fault"]:
            sys.exit(f"{[str(drop) for drop in drops[:3]]} ended as {told['verdicts']} {told['fault']}")
        self.leavings.put_away(
            *(self.directory / "stores" / store / "files" for store in ("first", "second"))
        )
        figures = Figures(told["wall"], told["cpu"], told["main"])
        return Preserved(figures, told["seconds"], told["caged"], footprint.memory, footprint.disk)


@contextmanager
def installation(work: Path, leavings: Leavings) -> Iterator[Installation]:
    """Make an installation below ``work`` and serve it for as long as the context lasts."""
    directory = new_installation(work / "installation")
    with prefect_api(load_settings(directory)) as api:
        os.environ.update(auth_environment(api))
        yield Installation(directory, api.url, leavings)


def new_installation(directory: Path, further: str = "") -> Path:
    """Make an installation anew whose policy for ``files`` is as the peers work, and what is ``further``."""
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([MUNIMENT, "init", directory], check=True, stdout=subprocess.DEVNULL)
    (directory / "policies" / "bit-level.toml").write_text(AS_THE_PEERS.read_text() + further)
    return directory
