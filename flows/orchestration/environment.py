"""A Prefect API, and the environment of the processes that serve it and that talk to it."""

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from flows.installation.log import LOG
from flows.installation.settings import Settings

_AT_REST = {
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "30",
    # Each look asks for the tasks of every run that was cancelled within a day, as each drop that waits is.
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "15",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT15S",
}
"""Every service of Prefect's runs; looking every five seconds, as these do by default, is costly at rest."""

LOOPBACK_AUTHORITY = Path(__file__).with_name("loopback.pem")
"""A certificate whose key was thrown away: it vouches for no server."""

AUTH_VARIABLE = "PREFECT_API_AUTH_STRING"
"""The variable with what Prefect's clients bring; for a configured Prefect it may name a file instead."""


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """A Prefect API, and the ``user:password`` that it asks for; empty where it asks for none."""

    url: str
    auth: str = field(default="", repr=False)

    @property
    def answers(self) -> bool:
        """Whether it answers at this moment."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310  http, from our settings
                return bool(answer.status == HTTPStatus.OK)
        except (urllib.error.URLError, OSError, ValueError):
            return False

    @property
    def ui(self) -> str:
        """Where people see what ran."""
        return self.url.removesuffix("/api")


def server_environment(home: Path) -> dict[str, str]:
    """Return the environment of a Prefect process of this installation, which reports nothing to others."""
    return {
        **_account_home(home),
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The second UI asks an analytics host from the user's browser, whatever the server's settings are.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # Of PostgreSQL; where everything starts at once, the five seconds of Prefect's own are too few.
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
        **_AT_REST,
    }


def _account_home(home: Path) -> dict[str, str]:
    """Return ``home`` as the account's home where it has none, as in a container: Prefect needs one."""
    try:
        Path.home()
    except RuntimeError:
        return {"HOME": str(home)}
    return {}


def client_environment(settings: Settings, api: PrefectApi) -> dict[str, str]:
    """Return the environment of a process that talks to ``api``; to be set before it imports Prefect."""
    return {
        **server_environment(settings.state / "prefect"),
        "PREFECT_API_URL": api.url,
        **auth_environment(api),
        # To read the authorities of the Web takes each client of Prefect 20 ms; on loopback none is asked.
        **({} if settings.prefect.api_url else {"PREFECT_API_SSL_CERT_FILE": str(LOOPBACK_AUTHORITY)}),
        # What operators read goes to Prefect too.
        "PREFECT_LOGGING_EXTRA_LOGGERS": LOG.name,
        # To Prefect, threads that copy are no flow run; what they log is for the terminal.
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }


def auth_environment(api: PrefectApi) -> dict[str, str]:
    """Return the password for ``api`` as a child's environment, which other accounts cannot read."""
    return {AUTH_VARIABLE: api.auth, f"{AUTH_VARIABLE}_FILE": ""} if api.auth else {}
