"""Alarms by webhook, posted to a real HTTP server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from services.alarm_receivers import SILENT, WEBHOOK_SECRET, Request, an_alarm, closed_port, receiver

from flows.alarms.channels import Undelivered
from flows.alarms.webhook import Webhook
from flows.installation.alarm_settings import WebhookSettings


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_WEBHOOK_SECRET", WEBHOOK_SECRET)


@pytest.fixture(scope="module")
def documentation(project: Path) -> str:
    return (project / "docs/alarms.md").read_text()


@pytest.fixture(scope="module")
def is_from_muniment(documentation: str) -> Callable[..., bool]:
    """What docs/alarms.md tells a receiver to do."""
    [code] = [
        block
        for block in re.findall(r"```python\n(.*?)```", documentation, re.DOTALL)
        if "webhook-id" in block
    ]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  our own documentation
    return names["is_from_muniment"]


def sent(alarm_words: dict[str, str] | None = None) -> Request:
    with receiver(204) as there:
        assert there.channel.send(an_alarm(**(alarm_words or {}))) is None
    [request] = there.received
    return request


def reason(undelivered: Undelivered | None) -> str:
    assert undelivered is not None
    assert WEBHOOK_SECRET not in undelivered.reason
    assert "known-to-few" not in undelivered.reason
    return undelivered.reason


def test_a_receiver_can_check_who_sent_it_as_documented(is_from_muniment: Callable[..., bool]):
    request = sent()
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert is_from_muniment(headers, request.body, WEBHOOK_SECRET)
    assert not is_from_muniment(headers, request.body + b" ", WEBHOOK_SECRET)
    assert not is_from_muniment(headers, request.body, WEBHOOK_SECRET.replace("A", "B"))
    for name, forged in (
        ("webhook-id", "0" * 32),
        ("webhook-timestamp", str(int(headers["webhook-timestamp"]) + 1)),
    ):
        assert not is_from_muniment({**headers, name: forged}, request.body, WEBHOOK_SECRET)
    past = str(int(headers["webhook-timestamp"]) - 301)
    assert not is_from_muniment({**headers, "webhook-timestamp": past}, request.body, WEBHOOK_SECRET)


def test_the_document_has_the_fields_that_are_documented_and_no_others(documentation: str):
    document = json.loads(sent().body)
    section = documentation.split("```python", 1)[0]
    rows = section.split("| field | is |")[1]
    documented = [
        name
        for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)
        for name in re.findall("`(.*?)`", row)
    ]
    assert sorted(documented) == sorted(document)
    assert document["type"] == "muniment.given-up"
    assert document["timestamp"] == "2026-11-21T12:00:00Z"
    assert document["object"] == "maps/sheet-012"
    assert document["text"] == "maps/sheet-012: given up"


def test_names_that_are_hostile_are_escaped_and_make_no_header():
    request = sent({"about": "maps/a\r\nX-Evil: 1\u202e\udcff", "happened": "a\nb"})
    assert "X-Evil" not in request.headers
    document = json.loads(request.body)
    assert document["object"] == r"maps/a\r\nX-Evil: 1\u202e\xff"
    assert document["happened"] == r"a\nb"


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
def test_whatever_is_not_taken_is_told_and_no_redirect_is_followed(status: int):
    with receiver(status) as there:
        assert f"answered {status}" in reason(there.channel.send(an_alarm()))
    assert len(there.received) == 1


def test_a_receiver_that_is_away_or_silent_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.alarms.webhook.TIMEOUT_SECONDS", 0.2)
    away = WebhookSettings(url=f"http://127.0.0.1:{closed_port()}/hooks/known-to-few")
    assert "ConnectError" in reason(Webhook(away, "/srv").send(an_alarm()))
    with receiver(SILENT) as there:
        assert "ReadTimeout" in reason(there.channel.send(an_alarm()))


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", WEBHOOK_SECRET.removeprefix("whsec_")]
)
def test_nothing_is_sent_unsigned(secret: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MUNIMENT_WEBHOOK_SECRET", secret)
    with receiver(204) as there:
        for undelivered in (there.channel.probe(), there.channel.send(an_alarm())):
            assert undelivered is not None
            assert "MUNIMENT_WEBHOOK_SECRET" in undelivered.reason
    assert not there.received
