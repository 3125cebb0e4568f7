"""Runs a flow run in this process, as ``prefect.engine`` does, but only one that is the installation's own.

Any client of Prefect's API may change a deployment and the parameters of a run. So the code to run is looked
up here, by the flow's name: a deployment's entrypoint and pull steps are not read. A run of another flow, or
for another installation's directory, ends as *Refused*. A run that ends as *Rejected* or *Interrupted* has
ended as it should, so its log shows no traceback of Prefect's.
"""

import logging
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.engine import handle_engine_signals
from prefect.flow_engine import load_flow_run, run_flow
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Failed
from prefect.utilities.engine import propose_state_sync

from flows.installation.log import LOG
from flows.orchestration.deployments import ENTRYPOINTS
from preservation.model.paths import printable, quoted


def run_flow_run(identifier: UUID, directory: Path) -> None:
    """Run it to its end for the installation in ``directory``, and report that to Prefect.

    Raises ``SystemExit`` where Prefect stops it.
    """
    # Prefect takes over our log, but not from which level on.
    LOG.setLevel(logging.INFO)
    # The heartbeat's thread costs a second a run when it is joined; lost runs are found by other signs.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), handle_engine_signals(identifier):
        # Checked and run as it is read here: its parameters may be changed in Prefect meanwhile.
        asked = load_flow_run(identifier)
        with get_client(sync_client=True) as client:
            flow_name = client.read_flow(asked.flow_id).name
            refusal = _refusal(flow_name, asked, directory)
            if refusal:
                _refuse(asked, refusal, client)
                return
        flow: Flow[..., object] = load_flow_from_entrypoint(ENTRYPOINTS[flow_name])
        run_flow(flow, flow_run=asked, return_type="state")


def _refusal(flow_name: str, asked: FlowRun, directory: Path) -> str:
    """Return why the run is not run; ``""`` where it is."""
    if flow_name not in ENTRYPOINTS:
        return f"{quoted(flow_name)} is no flow of Muniment's; its worker runs no other."
    named = str(asked.parameters.get("directory", ""))
    if Path(named) != directory:
        return (
            f"The parameter directory is {quoted(named)}, and this worker runs only what is for the "
            f"installation in {printable(str(directory))}; start the run anew with that directory."
        )
    return ""


def _refuse(asked: FlowRun, refusal: str, client: SyncPrefectClient) -> None:
    LOG.error("%s: %s", asked.name, refusal)
    propose_state_sync(client, Failed(name="Refused", message=refusal), flow_run_id=asked.id)
