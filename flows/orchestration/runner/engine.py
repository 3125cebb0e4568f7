"""Running a flow run in this process, as ``prefect.engine`` does, but no other flows than Muniment's.

Which code runs is looked up by the flow's name, here; a deployment's entrypoint and pull steps are not read:
any client of Prefect's API may change them. And a run that ends as *Rejected* or *Interrupted* has ended as
it should, so its log shows no traceback of Prefect's.
"""

import logging
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.engine import handle_engine_signals
from prefect.flow_engine import load_flow_run, run_flow
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.logging.loggers import flow_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.installation.log import LOG
from flows.orchestration.deployments import ENTRYPOINTS


def run_flow_run(identifier: UUID) -> None:
    """Run it to its end and report that to Prefect. Raises ``SystemExit`` where Prefect stops it."""
    # Prefect takes over our log, but not from which level on.
    LOG.setLevel(logging.INFO)
    # The heartbeat's thread costs a second a run when it is joined; lost runs are found by other signs.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), handle_engine_signals(identifier):
        asked = load_flow_run(identifier)
        run_flow(_flow_of(asked), flow_run=asked, return_type="state")


def _flow_of(asked: FlowRun) -> Flow[..., object]:
    with get_client(sync_client=True) as client:
        name = client.read_flow(asked.flow_id).name
    try:
        return load_flow_from_entrypoint(ENTRYPOINTS[name])
    except KeyError:
        flow_run_logger(asked).error("%r is no flow of Muniment's; its worker runs no other", name)
        raise
