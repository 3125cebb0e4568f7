"""PostgreSQL is stopped while drops stream in; with Prefect's own database in it, ``make soak`` does that."""

from __future__ import annotations

from pathlib import Path

import postgres
from service_databases import service_on, stop_for
from stream_proofs import prove_answered


def test_a_database_that_is_gone_for_a_while_is_waited_for_and_every_drop_is_answered_once(
    tmp_path: Path, prefect_url: str
):
    with postgres.running() as server, service_on(server, tmp_path, prefect_url) as (fleet, archive):
        stream = stop_for(8, server, fleet, drops=6)
        prove_answered(stream.sent, archive)
        assert all(member.lives for member in fleet.members), fleet.told()
