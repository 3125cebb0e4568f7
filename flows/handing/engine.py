"""Running the flow run that the environment names, in this process: what ``prefect.engine`` does for others.

It differs in one thing: a run that ends as *Rejected* or *Interrupted* has ended as it should, and its log
shows no traceback of Prefect's for it.
"""

from __future__ import annotations

import logging
import os
from uuid import UUID

from prefect.engine import handle_engine_signals
from prefect.flow_engine import load_flow, load_flow_run, run_flow
from prefect.logging.loggers import flow_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.installation.log import LOG

RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"


def run_asked_for() -> None:
    """Run it to its end, whatever that is; Prefect is told. Raises ``SystemExit`` where Prefect stops it."""
    identifier = UUID(os.environ[RUN_VARIABLE])
    # Prefect takes over our log, but not from which level on.
    LOG.setLevel(logging.INFO)
    # The heartbeat's thread costs a second a run when it is joined; lost runs are found by other signs.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), handle_engine_signals(identifier):
        asked = load_flow_run(identifier)
        try:
            flow = load_flow(asked)
        except Exception:
            flow_run_logger(asked).exception(
                "The flow cannot be loaded: is this the Muniment it was made by?"
            )
            raise
        run_flow(flow, flow_run=asked, return_type="state")


if __name__ == "__main__":
    run_asked_for()
