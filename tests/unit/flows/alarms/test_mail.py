"""Alarms by e-mail, handed to a real mail server."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from services.alarm_receivers import (
    NOON,
    PASSWORD,
    USER,
    MailServer,
    an_alarm,
    closed_port,
    mail_server,
    make_certificate,
    silent_port,
)

from flows.alarms.channels import Undelivered
from flows.installation.alarm_settings import Security


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this process trusts."""
    file = make_certificate(tmp_path / "localhost.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_SMTP_USER", USER)
    monkeypatch.setenv("MUNIMENT_SMTP_PASSWORD", PASSWORD)


def reason(undelivered: Undelivered | None) -> str:
    assert undelivered is not None
    assert PASSWORD not in undelivered.reason
    return undelivered.reason


def test_everybody_is_told_what_happened_and_what_to_do():
    alarm = an_alarm(receipt="/srv/archive/receipts/maps/sheet-012.html")
    with mail_server() as server:
        assert server.channel().send(alarm) is None

    [message] = server.received
    assert server.recipients == [["archive@example.org", "it@example.org"]]
    assert message["Subject"] == "[Muniment] maps/sheet-012: given up"
    assert message["Message-ID"] == f"<{alarm.id}@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == NOON
    text = message.get_content()
    for sentence in (
        "given up after 5 runs",
        "Mend the store.",
        "receipts/maps/sheet-012.html",
        "/srv/archive",
    ):
        assert sentence in text


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_the_way_is_encrypted_and_the_certificate_checked(
    security: Security, certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    with mail_server(security, certificate) as server:
        assert server.channel(security).send(an_alarm()) is None
        monkeypatch.delenv("SSL_CERT_FILE")
        assert "certificate" in reason(server.channel(security).send(an_alarm()))
    assert len(server.received) == 1


def test_a_server_that_offers_no_encryption_gets_nothing():
    with mail_server() as server:
        assert "STARTTLS" in reason(server.channel(Security.STARTTLS).send(an_alarm()))
    assert not server.received


@pytest.mark.usefixtures("login")
def test_who_must_log_in_does_so_by_the_environment(certificate: Path):
    with mail_server(Security.STARTTLS, certificate, login=True) as server:
        channel = server.channel(Security.STARTTLS)
        assert channel.probe() is None
        assert not server.received
        assert channel.send(an_alarm()) is None
    assert len(server.received) == 1


@pytest.mark.usefixtures("login")
def test_the_password_may_stand_in_a_file_and_is_read_each_time(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "password"
    monkeypatch.setenv("MUNIMENT_SMTP_PASSWORD_FILE", str(file))
    with mail_server(Security.STARTTLS, certificate, login=True) as server:
        channel = server.channel(Security.STARTTLS)
        assert str(file) in reason(channel.send(an_alarm()))
        file.write_text("wrong\n")
        assert "535" in reason(channel.send(an_alarm()))
        file.write_text(f"{PASSWORD}\n")
        assert channel.send(an_alarm()) is None
    ours = [record.getMessage() for record in caplog.records if record.name == "muniment"]
    assert PASSWORD not in "".join(ours)


@pytest.mark.usefixtures("login")
def test_no_password_is_sent_in_the_clear():
    with mail_server() as server:
        assert "in the clear" in reason(server.channel().send(an_alarm()))


def test_half_a_login_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MUNIMENT_SMTP_USER", USER)
    assert "MUNIMENT_SMTP_PASSWORD" in reason(
        MailServer(closed_port()).channel(Security.TLS).send(an_alarm())
    )


def test_a_name_with_newlines_and_turned_writing_makes_no_header_and_no_line():
    about = "maps/a\r\nBcc: thief@example.org\r\n\r\nHello\u202egpj.exe\u2028"
    alarm = an_alarm(about, happened="It\nwas\rgiven up.", receipt="/r/\udcff\nX: y")
    with mail_server() as server:
        assert server.channel().send(alarm) is None
    [message] = server.received
    assert server.recipients == [["archive@example.org", "it@example.org"]]
    assert message["Bcc"] is None
    assert message["X"] is None
    assert "Bcc: thief" not in message["Subject"].splitlines()[1:]
    content = message.get_content()
    assert "\u202e" not in message["Subject"] + content
    assert not any(line.startswith(("Bcc", "X:", "was")) for line in content.splitlines())


def test_long_and_foreign_names_arrive_whole_in_the_text():
    about = "maps/" + "Übersichtskarte ⛰ مخطوطة " * 7
    with mail_server() as server:
        assert server.channel().send(an_alarm(about)) is None
    [message] = server.received
    assert about.strip() in message.get_content()
    assert message["Subject"].startswith("[Muniment] maps/Übersichtskarte ⛰ مخطوطة")


def test_a_server_that_is_away_or_silent_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.alarms.mail.TIMEOUT_SECONDS", 0.2)
    assert "refused" in reason(MailServer(closed_port()).channel().send(an_alarm()))
    with silent_port() as port:
        assert "timed out" in reason(MailServer(port).channel().send(an_alarm()))
