"""Runs the flow ``preserve`` in this process, against a Prefect API that answers."""

import gc
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flows.installation.log import LOG
from flows.installation.reachable import require_reachable
from flows.installation.settings import Settings
from flows.orchestration.environment import PrefectApi, client_environment
from flows.submission.answer import RunResult, interrupted
from flows.submission.drop import DropRequest, name_of, tags_of
from preservation.errors import ConfigurationError, NotFoundError, PreservationError
from preservation.manifests.names import sidecars_beside
from preservation.policy.load import load
from preservation.survey.walk import FoundFile, walk

_REQUEST_SECONDS = 10.0
_REQUEST_RETRIES = 2
"""How long a request to Prefect may take, and how often it is repeated: the work does not depend on it."""


def drops_of(paths: list[Path], collection: str, settings: Settings, name: str = "") -> list[DropRequest]:
    """Return the drops at ``paths``, each named for its file or folder, or ``name`` where there is one.

    Raises ``NotFoundError`` where one is not there, ``ConfigurationError`` where the collection is not
    configured or its policy is unsound, a name cannot be one, or two drops would become one object.
    """
    if name and len(paths) > 1:
        raise ConfigurationError("one name cannot be given to several drops; preserve them one by one")
    drops = []
    for path in _without_sidecars(paths):
        if not os.path.lexists(path):
            raise NotFoundError(f"{path}: there is no such file or folder; check the path")
        whole = Path(os.path.abspath(path))  # noqa: PTH100  a link that was dropped is refused, not followed
        drop = DropRequest(whole, collection, name or name_of(whole))
        require_reachable(load(settings.policy_of(drop.object_id.collection)), settings)
        drops.append(drop)
    names = [drop.object_name for drop in drops]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise ConfigurationError(
            f"several drops would become the object {collection}/{twice[0]}; give each its name with --as"
        )
    return drops


def _without_sidecars(paths: list[Path]) -> list[Path]:
    """Leave out the manifests of single files that are given as well: they belong to these files."""
    files = {Path(os.path.abspath(path)) for path in paths if path.is_file() and not path.is_symlink()}  # noqa: PTH100  links stay
    sidecars = {file.with_name(name) for file in files for name in sidecars_beside(file.name)}
    given = sidecars & files
    return [path for path in paths if Path(os.path.abspath(path)) not in given]  # noqa: PTH100  as above


def in_runs(drops: Iterable[DropRequest], settings: Settings) -> Iterator[list[DropRequest]]:
    """Gather small drops, many to a flow run; each large one gets a run of its own."""
    work = settings.work
    small: list[DropRequest] = []
    for drop in drops:
        if not _is_small(drop, work.small_files, work.small_size):
            yield [drop]
            continue
        small.append(drop)
        if len(small) == work.batch:
            yield small
            small = []
    if small:
        yield small


def run_preserve(settings: Settings, api: PrefectApi, drops: list[DropRequest]) -> RunResult:
    """Run the flow for ``drops``, in this process, and return the result of each.

    Raises nothing: where the run is stopped, the result of every drop is *interrupted*. Where only Prefect
    failed meanwhile, each drop has the result with which it ended. However Prefect fails, this returns within
    a few minutes of that.
    """
    import_prefect(settings, api)
    from prefect import tags  # noqa: PLC0415  see above
    from prefect.settings import (  # noqa: PLC0415  see above
        PREFECT_API_REQUEST_TIMEOUT,
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    from flows.orchestration.client import client_settings  # noqa: PLC0415  see above
    from flows.orchestration.preserve import delivered, preserve, recorded_results  # noqa: PLC0415  see above

    ours = {
        **client_settings(api),
        PREFECT_API_REQUEST_TIMEOUT: _REQUEST_SECONDS,
        PREFECT_CLIENT_MAX_RETRIES: _REQUEST_RETRIES,
        # The heartbeat's thread costs a second a run when it is joined.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    with recorded_results() as results:
        try:
            with temporary_settings(ours), delivered(), tags(*tags_of(drops)):
                return _result_of(preserve(settings.directory, drops, return_state=True))
        except PreservationError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  a lost API raises many kinds of errors; nothing is lost by it
            LOG.warning("Prefect at %s: %s: %s", api.url, type(error).__name__, error)
            reason = (
                f"Prefect at {api.url} failed ({type(error).__name__}); see that it runs, then preserve it "
                "again and it goes on"
            )
    return results[0] if results else RunResult([interrupted(drop, reason) for drop in drops])


def import_prefect(settings: Settings, api: PrefectApi) -> None:
    """Import what the flow needs, for use with ``api``; first called while the API is being started.

    Prefect is imported only here: it takes two seconds, which no other verb needs to spend.
    """
    os.environ.update(client_environment(settings, api))
    # The console is ours.
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    if "flows.orchestration.preserve" in sys.modules:
        # Frozen again, the garbage of every run would stay as well.
        return
    # What is imported stays: to search it for cycles, then and later, takes a tenth of a second each time.
    gc.disable()
    import flows.orchestration.preserve  # noqa: F401, PLC0415  see above

    gc.freeze()
    gc.enable()


def _result_of(state: Any) -> RunResult:  # noqa: ANN401  Prefect's state, whose result has no type
    """Return the flow's result, or raise what it raised."""
    outcome: RunResult | BaseException = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _is_small(drop: DropRequest, files: int, size: int) -> bool:
    try:
        if not drop.path.is_dir() or drop.path.is_symlink():
            return drop.path.lstat().st_size <= size
        for entry in walk(drop.path):
            files -= 1
            size -= entry.size if isinstance(entry, FoundFile) else 0
            if files < 0 or size < 0:
                return False
    except OSError:
        # A drop that cannot be read now is reported when it is claimed, and delays no other.
        return False
    return True
