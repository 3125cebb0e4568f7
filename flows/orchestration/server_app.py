"""The process of an installation's own Prefect server: Prefect's application behind the door, on loopback.

Usage: ``python -m flows.orchestration.server_app PORT``, its secret in ``PREFECT_SERVER_API_AUTH_STRING``.
"""

import functools
import gc
import sys
import zoneinfo

from flows.orchestration.door import Door

_LOOPBACK = "127.0.0.1"


def main() -> None:
    """Serve until stopped."""
    # Prefect lists all zones for each schedule that it reads, for which 600 files of the system are opened.
    zoneinfo.available_timezones = functools.cache(zoneinfo.available_timezones)
    # What is imported stays: to search it for cycles meanwhile takes a tenth of the start.
    gc.disable()
    import uvicorn  # noqa: PLC0415  see above
    from prefect.server.api.server import create_app  # noqa: PLC0415  see above
    from prefect.settings import get_current_settings  # noqa: PLC0415  see above

    settings = get_current_settings().server
    secret = settings.api.auth_string
    if secret is None or not secret.get_secret_value():
        sys.exit("no secret in PREFECT_SERVER_API_AUTH_STRING: this server is not started without one")
    app = Door(create_app(final=True), secret.get_secret_value())
    gc.freeze()
    gc.enable()
    uvicorn.run(
        app,
        host=_LOOPBACK,
        port=int(sys.argv[1]),
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
        server_header=False,
    )


if __name__ == "__main__":
    main()
