"""PostgreSQL is stopped while drops stream in: the archive's database alone, and Prefect's with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ordeals.stream_proofs import prove_answered
from services import postgres
from services.service_databases import service_on, stop_for

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


def test_a_database_that_is_gone_for_half_a_minute_loses_nothing(tmp_path: Path):
    with postgres.running(durable=True) as server, service_on(server, tmp_path) as (fleet, archive):
        stream = stop_for(30, server, fleet, drops=24)
        prove_answered(stream.sent, archive)
        assert archive.kept("first") == archive.kept("second")
        assert all(member.lives for member in fleet.members), fleet.told()


def test_the_archives_database_that_is_gone_for_a_while_is_waited_for(tmp_path: Path, prefect_url: str):
    with postgres.running() as server, service_on(server, tmp_path, prefect_url) as (fleet, archive):
        stream = stop_for(8, server, fleet, drops=6)
        prove_answered(stream.sent, archive)
        assert all(member.lives for member in fleet.members), fleet.told()
