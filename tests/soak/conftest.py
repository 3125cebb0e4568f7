"""One table for all that a soak did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any) -> None:  # noqa: ANN401  pytest's own type is private
    """Print what the soaking tests have noted as properties: ``ordeal``, ``storm``, ``race`` and so on."""
    noted = [
        (key, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for key, value in report.user_properties
    ]
    ordeals = [value for key, value in noted if key == "ordeal"]
    if ordeals:
        terminalreporter.section("killed and started again")
        _print_ordeals(terminalreporter, ordeals)
    for key, value in noted:
        if key == "storm":
            terminalreporter.section(f"the service under fire: {value.pop('service')}")
            kills = value.pop("kills")
            counted = {"kills": sum(kills.values()), **kills, **value}
            terminalreporter.write_line(", ".join(f"{what}: {count}" for what, count in counted.items()))
        if key == "race":
            terminalreporter.section(f"versions at once, into {value.pop('stores')}")
            terminalreporter.write_line(", ".join(f"{what}: {count}" for what, count in value.items()))
        if key == "damage":
            terminalreporter.write_line(
                "damaged copies, " + ", ".join(f"{what}: {told}" for what, told in value.items())
            )
        if key == "many":
            terminalreporter.section("many files in one submission")
            for what, figure in value.items():
                terminalreporter.write_line(f"{what:<44}{figure:>16}")


def _print_ordeals(terminal: pytest.TerminalReporter, ordeals: list[dict[str, Any]]) -> None:
    stages = list(dict.fromkeys(stage for ordeal in ordeals for stage in ordeal["kills"]))
    terminal.write_line(_row("stores, drops", ("lives", "kills", "resumed", "seconds"), stages, stages))
    together = {
        "what": "together",
        "kills": sum((Counter(ordeal["kills"]) for ordeal in ordeals), Counter()),
        **{key: sum(ordeal[key] for ordeal in ordeals) for key in ("lives", "resumed", "seconds")},
    }
    for ordeal in (*ordeals, together):
        kills = Counter(ordeal["kills"])
        figures = (ordeal["lives"], kills.total(), ordeal["resumed"], round(ordeal["seconds"]))
        terminal.write_line(_row(ordeal["what"], figures, stages, [kills[stage] for stage in stages]))
    terminal.write_line("seed: " + ", ".join(sorted({ordeal["seed"] for ordeal in ordeals})))


def _row(what: str, figures: Iterable[object], stages: list[str], cells: Iterable[object]) -> str:
    by_stage = (f"{cell:>{len(stage) + 2}}" for stage, cell in zip(stages, cells, strict=True))
    return f"{what:<28}" + "".join(f"{figure:>9}" for figure in figures) + "".join(by_stage)
