"""What the checks of a contract and the measures of pages add to the decoding that screening does anyway."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Line
from benchmarks.measuring import run
from benchmarks.table import Row

_HERE = Path(__file__).parent
_SETS = ("1,000 pages of 24 MP, LZW", "1,000 pages of 24 MP, JPEG", "1,000 pages of 24 MP, uncompressed")
_MOST = 1.6


def gate(bench: Bench) -> Iterator[Line]:
    """Compare screening by a contract with screening that decodes and asks nothing more."""
    for name in _SETS:
        folder = bench.corpora.made(name)

        def screened(policy: str, folder: Path = folder) -> list[list[str]]:
            return [[sys.executable, str(_HERE / "one_screening.py"), str(folder), str(_HERE / policy)]]

        rounds = bench.in_turn(
            {
                "gate": partial(run, screened("screening-gate.toml")),
                "alone": partial(run, screened("screening-alone.toml")),
            }
        )
        work = f"screening with a contract and measures against decoding alone, {name}"
        figures = (str(rounds.figures("gate")), str(rounds.figures("alone")))
        yield Row(work, *figures, rounds.ratio("gate", "alone"), _MOST)


GATE_ROWS = {"gate": gate}
