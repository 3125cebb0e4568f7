"""Parts of compose.yaml that several tests ask something of."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from services import postgres
from services.compose import (
    DOCKER,
    MUNIMENT_PASSWORD,
    PREFECT_PASSWORD,
    ComposedDatabases,
    ComposedServer,
    composed_server,
)


@pytest.fixture(scope="session")
def databases(postgresql: postgres.Server) -> ComposedDatabases:
    """Both databases, made as the image of PostgreSQL makes them."""
    owner = psycopg.conninfo.conninfo_to_dict(postgresql._conninfo("postgres"))
    subprocess.run(
        ["sh", DOCKER / "databases.sh"],
        env={
            "PATH": f"{postgresql.programs}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgresql.port),
            "PGPASSWORD": str(owner["password"]),
            "POSTGRES_USER": str(owner["user"]),
            "MUNIMENT_PASSWORD": MUNIMENT_PASSWORD,
            "PREFECT_PASSWORD": PREFECT_PASSWORD,
        },
        check=True,
        capture_output=True,
    )
    place = f"127.0.0.1:{postgresql.port}"
    return ComposedDatabases(
        f"postgresql://muniment@{place}/muniment", f"postgresql+asyncpg://prefect@{place}/prefect"
    )


@pytest.fixture(scope="session")
def server(
    databases: ComposedDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComposedServer]:
    """Prefect as compose.yaml starts it, before its own PostgreSQL."""
    folder: Path = tmp_path_factory.mktemp("server")
    with composed_server(folder, databases.prefect, databases.prefect_password) as running:
        yield running
