"""Asking a time stamping authority for a token over HTTP (RFC 3161, section 3.4)."""

import asyncio
from typing import Final

import httpx

from flows.alarms.channels import TIMEOUT_SECONDS, tls_context
from preservation.errors import UnavailableError
from storage.journal.time_stamps import LARGEST_TOKEN, TimeStamp, TrustedRoots, request_for, verified
from storage.ports.journal import SignedHead

SECONDS: Final = 30.0
"""How long asking may take from its beginning to its end, also where an answer comes byte by byte."""

_HEADERS: Final = {
    "content-type": "application/timestamp-query",
    "accept": "application/timestamp-reply",
    # What is unpacked may have any length.
    "accept-encoding": "identity",
    "user-agent": "Muniment",
}


def ask(url: str, signed: SignedHead, roots: TrustedRoots) -> tuple[bytes, TimeStamp]:
    """Return a token of the authority at ``url`` for just this head, and what it says, verified.

    Raises ``UnavailableError`` where it gives none that holds and leads to ``roots``.
    """
    request = request_for(signed)
    try:
        token = asyncio.run(_posted(url, request.as_bytes()))
        return token, verified(token, signed, [roots], request.nonce)
    except TimeoutError as error:
        raise _no_time_stamp(url, f"it did not answer within {SECONDS:.0f} seconds") from error
    except ValueError as reason:
        raise _no_time_stamp(url, f"its answer does not hold: {reason}") from reason
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _no_time_stamp(url, str(error) or type(error).__name__) from error


async def _posted(url: str, body: bytes) -> bytes:
    """Return the answer, of which no more is read than a token may have. A redirection is not followed."""
    async with (
        asyncio.timeout(SECONDS),
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=tls_context(), headers=_HEADERS) as client,
        client.stream("POST", url, content=body) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise OSError(f"it answered {answer.status_code}")
        token = b""
        async for chunk in answer.aiter_raw():
            token += chunk
            if len(token) > LARGEST_TOKEN:
                break
        return token


def _no_time_stamp(url: str, reason: str) -> UnavailableError:
    return UnavailableError(
        f"no time stamp from {url}: {reason.rstrip('.')}; the next sealing asks again (muniment journal seal)"
    )
