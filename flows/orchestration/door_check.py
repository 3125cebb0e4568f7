"""Whether a Prefect answers whom it should not: each time tried, with requests that change nothing."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPMessage

from flows.orchestration.environment import PrefectApi

_FOREIGN_HOST = "elsewhere.example"
_FOREIGN_ORIGIN = f"https://{_FOREIGN_HOST}"
_SECONDS = 10
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class DoorCheck:
    """What a Prefect does with requests that it should refuse."""

    answers_without_credentials: bool
    lets_other_origins_ask: bool
    answers_to_other_names: bool


def check_door(api: PrefectApi) -> DoorCheck:
    """Ask ``api`` as an account without credentials, a page of another origin and a bent host name would.

    Raises:
        OSError: It does not answer.
    """
    question = {"Content-Type": "application/json"}
    status, _ = _asked("POST", f"{api.url}/flow_runs/filter", question, b'{"limit": 1}')
    preflight = {"Origin": _FOREIGN_ORIGIN, "Access-Control-Request-Method": "POST"}
    preflight["Access-Control-Request-Headers"] = "content-type"
    allowed, headers = _asked("OPTIONS", f"{api.url}/flow_runs/filter", preflight)
    named, _ = _asked("GET", f"{api.url}/health", {"Host": _FOREIGN_HOST})
    return DoorCheck(
        answers_without_credentials=status in _SUCCESS,
        lets_other_origins_ask=allowed in _SUCCESS
        and headers.get("Access-Control-Allow-Origin") in ("*", _FOREIGN_ORIGIN),
        answers_to_other_names=named in _SUCCESS,
    )


def _asked(
    method: str, url: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, HTTPMessage]:
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  http, from our settings
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  as above
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers  # type: ignore[return-value]  # a Message of http.client's making
