"""Whether a Prefect answers requests that it should refuse: each is tried, and none changes anything."""

from dataclasses import dataclass

import httpx

from flows.orchestration.environment import PrefectApi
from preservation.errors import UnavailableError, reason_of

_FOREIGN_HOST = "elsewhere.example"
_FOREIGN_ORIGIN = f"https://{_FOREIGN_HOST}"
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class DoorCheck:
    """``what`` a Prefect should ask for; ``is_open`` where it does not; ``found`` says what it does."""

    what: str
    is_open: bool
    found: str


def check_door(api: PrefectApi) -> tuple[DoorCheck, DoorCheck, DoorCheck]:
    """Ask ``api`` as an account without credentials, a page of another origin and a bent host name would.

    The first check is that of credentials. Raises ``UnavailableError`` where ``api`` does not answer.
    """
    runs = f"{api.url}/flow_runs/filter"
    preflight = {
        "Origin": _FOREIGN_ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    try:
        with httpx.Client(timeout=_SECONDS, follow_redirects=True) as client:
            asked = client.post(runs, json={"limit": 1}).is_success
            allowed = client.options(runs, headers=preflight)
            named = client.get(f"{api.url}/health", headers={"Host": _FOREIGN_HOST}).is_success
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(f"Prefect at {api.url} does not answer: {reason_of(error)}") from error
    origins = allowed.headers.get("Access-Control-Allow-Origin")
    foreign = allowed.is_success and origins in {"*", _FOREIGN_ORIGIN}
    return (
        DoorCheck(
            "credentials",
            asked,
            "answers without credentials, and runs what it is asked" if asked else "asks for credentials",
        ),
        DoorCheck(
            "origin", foreign, "lets pages of any origin ask" if foreign else "refuses pages of other origins"
        ),
        DoorCheck("host name", named, "answers to any host name" if named else "refuses other host names"),
    )
