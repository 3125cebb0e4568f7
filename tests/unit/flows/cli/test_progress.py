"""Progress is shown in a terminal alone, in one line that is gone at the end."""

from __future__ import annotations

import io
import time

import pytest

from flows.cli.progress import shown_in_terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_line_and_is_cleared_at_the_end(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("flows.cli.progress._EVERY_SECONDS", 0.01)
    until = time.monotonic() + 10
    with shown_in_terminal(lambda: "screen: 42 %"):
        while "42 %" not in terminal.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
    assert "screen: 42 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[2K")


def test_a_file_or_a_pipe_gets_nothing(monkeypatch: pytest.MonkeyPatch):
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    with shown_in_terminal(lambda: "never"):
        pass
    assert pipe.getvalue() == ""
