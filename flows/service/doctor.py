"""The checks of ``muniment doctor``: everything that an installation needs is tried, not assumed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from flows.alarms.channels import Undelivered
from flows.installation.reachable import require_reachable
from flows.installation.settings import Settings
from flows.installation.store_settings import FolderStoreSettings
from flows.service.virus_scanner import scanner_status
from preservation.errors import ConfigurationError, PreservationError, ToolFailedError, UnavailableError
from preservation.model.amounts import byte_size, count
from preservation.model.identifiers import CollectionName
from storage.ports.stores import Store

if TYPE_CHECKING:
    from flows.archive.presence import StoreStatus
    from flows.installation.wiring import Installation

_GIB = 1 << 30
_REPLICAS = 1000
_NAMED = 5
_REPLICA_GONE = "find out today who or what removed it; then run: muniment replicate --missing"
_SENT_WITHIN = timedelta(hours=1)
_ONE_PIXEL = b"P6 1 1 255 \0\0\0"
_SMALL_DROP = 1 << 20
_AS_THE_MESSAGE_SAYS = "repair it as the message says"


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    MISSING = "missing"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Checkup:
    """One thing that was checked; ``next_step`` says what to do where it is not ok."""

    what: str
    state: State
    detail: str
    next_step: str = ""


def examine_programs() -> Iterator[Checkup]:
    """Try the programs and libraries that identify, decode and convert."""
    yield Checkup("Python", State.OK, sys.version.split()[0])
    for what, attempt in (
        ("identification (siegfried, fido, libmagic)", _engines),
        ("images (Pillow)", _pillow),
        ("images (imagecodecs, tifffile)", _imagecodecs),
        ("documents (pypdf)", lambda: f"pypdf {version('pypdf')}"),
        ("bags (bagit, second reader)", lambda: f"bagit {version('bagit')}"),
        ("Prefect", lambda: f"prefect {version('prefect')}"),
    ):
        yield _tried(what, attempt, "run: make setup")
    yield _tried("cage (limits, no network)", _cage, "see SECURITY.md: parsing must not run uncaged")


def examine_installation(settings: Settings, *, send_test_alarm: bool = False) -> Iterator[Checkup]:
    """Try the installation's policies, disks, database, key, stores, scanner, service, jobs and alarms.

    The alarm channels are tried without sending anything, unless ``send_test_alarm``.
    """
    from flows.archive.presence import store_statuses  # noqa: PLC0415  half a second, only here
    from flows.installation.wiring import open_bucket_inbox, open_installation  # noqa: PLC0415  as above

    for name in sorted(collection.name for collection in settings.collection):
        yield _tried(
            f"policy of collection {name}",
            partial(_policy, settings, CollectionName(name)),
            "muniment policy check FILE",
        )
    for folder in (settings.state, settings.processing):
        if folder.exists():
            yield _tried(f"disk of {folder.name}/", partial(_written_to, folder), _AS_THE_MESSAGE_SAYS)
    try:
        with open_installation(settings) as installation:
            yield _tried("database", lambda: installation.database.address)
            yield _tried(
                "journal",
                lambda: f"{count(installation.journal.head().seq, 'entry', 'entries')}",
                "muniment journal verify",
            )
            yield _tried("signing key", lambda: f"key {installation.signing_key.identifier[:16]}…")
            yield from _stores(lambda: installation.stores, lambda: store_statuses(installation, _REPLICAS))
            yield from _audits(installation)
    except PreservationError as error:
        yield Checkup("database", State.FAILING, str(error), _AS_THE_MESSAGE_SAYS)
    for inbox in settings.bucket_inbox:
        yield _tried(f"bucket inbox {inbox.name}", open_bucket_inbox(inbox).probe)
    yield _sites(settings)
    yield from _door(settings)
    yield from _authorities(settings)
    yield _tried(
        "virus scanner",
        lambda: scanner_status(settings),
        "check clamd and freshclam, and [virus] in muniment.toml",
    )
    yield from _service(settings)
    yield from _alarms(settings, send=send_test_alarm)


def _tried(what: str, attempt: Callable[[], str], next_step: str = _AS_THE_MESSAGE_SAYS) -> Checkup:
    try:
        return Checkup(what, State.OK, attempt())
    except (PreservationError, ImportError, OSError) as error:
        state = State.MISSING if isinstance(error, ConfigurationError) else State.FAILING
        return Checkup(what, state, str(error), next_step)


def _stores(
    open_stores: Callable[[], Sequence[Store]], look_at_stores: Callable[[], Sequence[StoreStatus]]
) -> Iterator[Checkup]:
    """Try each store, and look for replicas; without agreement on the stores' identities none of that."""
    try:
        stores = open_stores()
    except ConfigurationError as error:
        yield Checkup("stores", State.FAILING, str(error), _AS_THE_MESSAGE_SAYS)
        return
    failing = set()
    for store in stores:
        tried = _tried(f"store {store.name}", store.probe)
        if tried.state is not State.OK:
            failing.add(store.name)
        yield tried
    for status in look_at_stores():
        if status.away:
            if status.store not in failing:
                yield Checkup(
                    f"replicas in store {status.store}", State.FAILING, status.away, _AS_THE_MESSAGE_SAYS
                )
            continue
        what, looked_for = f"replicas in store {status.store}", count(status.looked_for, "replica")
        if status.gone:
            named = ", ".join(str(gone.package) for gone in status.gone[:_NAMED])
            detail = f"{len(status.gone)} of the newest {looked_for} are gone as a whole: {named}"
            yield Checkup(what, State.FAILING, detail, _REPLICA_GONE)
        else:
            detail = f"the newest {looked_for} are there, by name"
            yield Checkup(what, State.OK, detail)
        if status.lacking:
            detail = f"it lacks {count(status.lacking, 'version')} that are to be in it"
            yield Checkup(f"store {status.store}", State.FAILING, detail, "run: muniment replicate --missing")


def _audits(installation: Installation) -> Iterator[Checkup]:
    """Report what was found when replicas were read again, and since when each of them was."""
    from flows.archive.audit_plan import planned  # noqa: PLC0415  half a second, only here
    from flows.archive.audit_request import AuditRequest  # noqa: PLC0415  as above
    from flows.archive.damage import open_damage  # noqa: PLC0415  as above
    from flows.installation.wiring import now  # noqa: PLC0415  as above

    try:
        found = open_damage(installation.audits)
        shares = list(planned(installation, AuditRequest(), now()))
    except PreservationError as error:
        yield Checkup("audits", State.FAILING, str(error), _AS_THE_MESSAGE_SAYS)
        return
    if found.files:
        yield Checkup("damage", State.FAILING, found.sentence, "run: muniment damage")
    for share in shares:
        what = f"audit of {share.scope.collection} in store {share.scope.store}"
        since = "" if share.total.oldest is None else f"{share.total.oldest:%Y-%m-%d}"
        if share.overdue.replicas:
            overdue = f"{count(share.overdue.replicas, 'replica')} of {share.total.replicas:,} overdue"
            detail = f"{overdue}, the longest unread since {since}; each is to be read every"
            detail += f" {share.pace.every.days} days"
            yield Checkup(what, State.FAILING, detail, "run: muniment audit")
        else:
            read = count(share.total.replicas, "replica")
            yield Checkup(what, State.OK, f"{read}, each of them read since {since}")


def _alarms(settings: Settings, *, send: bool) -> Iterator[Checkup]:
    from flows.alarms.alarms import channels_of, outbox_of  # noqa: PLC0415  HTTP and mail, and only here
    from flows.alarms.occasions import trial_alarm  # noqa: PLC0415  as above
    from flows.installation.wiring import now  # noqa: PLC0415  half a second, and only here

    channels = channels_of(settings)
    if not channels:
        yield Checkup(
            "alarms",
            State.OK,
            "no channel configured: alarms go to the log only, and muniment alarms shows them",
        )
    alarm = trial_alarm(now())
    for channel in channels:
        attempt = partial(channel.send, alarm) if send else channel.probe
        detail = f"a test alarm was sent by {channel.description}" if send else channel.description
        yield _tried(f"alarms by {channel.name}", partial(_delivered, attempt, detail), "see docs/alarms.md")
    is_open = outbox_of(settings).open_alarms()
    if is_open:
        oldest = f"{is_open[0].raised_at:%Y-%m-%d %H:%M} UTC"
        detail = f"{len(is_open)} not closed, the oldest since {oldest}"
        yield Checkup("open alarms", State.FAILING, detail, "muniment alarms says what to do about each")
    waiting = outbox_of(settings).waiting()
    if waiting:
        oldest = f"{waiting[0].alarm.at:%Y-%m-%d %H:%M} UTC"
        detail = f"{len(waiting)} wait to be sent, the oldest since {oldest}"
        late = now() - waiting[0].alarm.at > _SENT_WITHIN
        step = "check that muniment up runs, and the lines above"
        yield Checkup("alarms", State.FAILING if late else State.OK, detail, step)


def _written_to(folder: Path) -> str:
    """Write as much as a small drop needs to the disk of a folder; nothing stays. Raises ``StorageError``."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_SMALL_DROP))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be written to ({error.strerror}); see that its disk has room, and that the "
            "service may write there"
        ) from error
    return f"{byte_size(_SMALL_DROP)} were written there"


def _service(settings: Settings) -> Iterator[Checkup]:
    """Say whether the inboxes are watched, and which jobs did not run: without a service nobody else does."""
    from flows.inboxes.heartbeat import read_heartbeat, watcher_fault  # noqa: PLC0415  as above
    from flows.installation.wiring import now  # noqa: PLC0415  as above
    from flows.orchestration.jobs.overdue import missed_jobs  # noqa: PLC0415  as above

    at, heartbeat = now(), read_heartbeat(settings)
    if heartbeat is None or heartbeat.by.is_dead:
        idle = "it does not run: inboxes are not watched, and no alarm is raised about what waits there"
        yield Checkup("service", State.OK, idle)
    else:
        fault = watcher_fault(settings, at)
        seen = f"it looked at the inboxes at {heartbeat.at:%Y-%m-%d %H:%M} UTC"
        yield Checkup("service", State.FAILING if fault else State.OK, fault or seen, "see docs/service.md")
    yield from _holds(settings)
    for missed in missed_jobs(settings, at):
        yield Checkup(f"job {missed.about}", State.FAILING, missed.happened, missed.next_step)


def _holds(settings: Settings) -> Iterator[Checkup]:
    """Say what is held: by a person, that is as it should be; by itself, that a person has to see to it."""
    from flows.inboxes.queue.holds import HoldBook  # noqa: PLC0415  as above

    try:
        holds = HoldBook(settings).now()
    except PreservationError as error:
        yield Checkup("what is held", State.FAILING, str(error), _AS_THE_MESSAGE_SAYS)
        return
    for hold in holds:
        state = State.FAILING if hold.code else State.OK
        step = f"when that is mended: muniment release {hold.place.name}"
        yield Checkup(f"inbox {hold.place}", state, hold.sentence, step)


def _authorities(settings: Settings) -> Iterator[Checkup]:
    """Read the roots of each time stamping authority. It is not asked: some are paid for each time stamp."""
    for url, path in settings.time_stamp_roots.items():
        yield _tried(f"time stamps by {url}", partial(_roots, path))


def _door(settings: Settings) -> Iterator[Checkup]:
    """Check whether the Prefect that runs answers requests that it should refuse."""
    from flows.installation.server_secret import server_secret  # noqa: PLC0415  as above
    from flows.orchestration.door_check import check_door  # noqa: PLC0415  only here
    from flows.orchestration.server import running_api, server_lives  # noqa: PLC0415  as above

    own = not settings.prefect.api_url
    if own:
        kept = "its secret is kept for this account alone"
        yield _tried("Prefect's secret", lambda: server_secret(settings.state) and kept)
        if not server_lives(settings):
            yield Checkup("Prefect's door", State.OK, "no server runs; it is checked while muniment up runs")
            return
    try:
        api = running_api(settings)
        checks = check_door(api)
    except (PreservationError, OSError) as error:
        yield Checkup(
            "Prefect's door", State.FAILING, str(error), "start Prefect, or correct [prefect] api_url"
        )
        return
    credentials = checks[0]
    for check in checks:
        name, detail = f"Prefect's door: {check.what}", f"Prefect at {api.url} {check.found}"
        if not check.is_open:
            yield Checkup(name, State.OK, detail)
        elif credentials.is_open:
            yield Checkup(name, State.FAILING, detail, "see docs/service.md, Who may ask Prefect")
        else:
            yield Checkup(name, State.OK, f"{detail}; without credentials it gets nothing")


def _delivered(attempt: Callable[[], Undelivered | None], detail: str) -> str:
    undelivered = attempt()
    if undelivered is not None:
        raise UnavailableError(undelivered.reason)
    return detail


def _sites(settings: Settings) -> Checkup:
    sites = {store.site for store in settings.store}
    roots = [settings.store_root(store) for store in settings.store if isinstance(store, FolderStoreSettings)]
    devices = {root.stat().st_dev for root in roots if root.exists()}
    detail = f"{count(len(settings.store), 'store')} on {count(len(sites), 'site')}"
    if len(devices) < len(roots):
        detail += "; some of them share one disk, which is good for a first try only"
    return Checkup("sites", State.OK, detail)


def _engines() -> str:
    from preservation.identification.identify import Identifier  # noqa: PLC0415  loads signatures

    return "; ".join(f"{release.engine} {release.version}" for release in Identifier().releases)


def _pillow() -> str:
    from PIL import features  # noqa: PLC0415  only where it is asked for

    needed = ("libtiff", "jpg", "zlib", "jpg_2000", "littlecms2")
    missing = [name for name in needed if not features.check(name)]
    if missing:
        raise ImportError(f"Pillow {version('pillow')} was built without {', '.join(missing)}")
    return f"Pillow {version('pillow')}, libtiff {features.version('libtiff')}"


def _imagecodecs() -> str:
    import imagecodecs  # noqa: PLC0415  only where it is asked for

    return f"imagecodecs {imagecodecs.__version__}, tifffile {version('tifffile')}"


def _cage() -> str:
    from preservation.rasters.families import Family  # noqa: PLC0415  only where it is asked for
    from preservation.screening.examiners import JOB_MODULES  # noqa: PLC0415  as above
    from preservation.tools.limits import Limits  # noqa: PLC0415  as above
    from preservation.tools.work import Completed, JobName, Request  # noqa: PLC0415  as above
    from preservation.tools.workers import CagedWorkers  # noqa: PLC0415  as above

    limits = Limits()
    arguments = {"family": Family.PORTABLE_ANYMAP, "memory": limits.address_space}
    with (
        tempfile.NamedTemporaryFile(prefix="muniment-doctor-") as image,
        CagedWorkers(limits, 1, JOB_MODULES[:1]) as workers,
    ):
        image.write(_ONE_PIXEL)
        image.flush()
        request = Request(JobName(f"{JOB_MODULES[0]}:examine"), arguments, (Path(image.name),))
        (outcome,) = workers.map([request])
    if not isinstance(outcome, Completed) or outcome.value["fault"]:
        raise ToolFailedError(f"an image could not be decoded in it: {outcome}")
    return "an image was decoded in it"


def _roots(path: Path) -> str:
    from flows.installation.wiring import now  # noqa: PLC0415  as above
    from storage.journal.time_stamps import load_roots  # noqa: PLC0415  as above

    roots = load_roots(path)
    if not roots.valid_at(now()):
        raise UnavailableError(
            f"{path}: none of its root certificates is valid today, so no new time stamp holds; add the "
            "authority's new root to the file, and keep the old one for the time stamps there are"
        )
    return f"{count(len(roots.certificates), 'root certificate')} in {path}"


def _policy(settings: Settings, collection: CollectionName) -> str:
    from preservation.policy.load import load  # noqa: PLC0415  a third of a second, and only here

    policy = load(settings.policy_of(collection))
    require_reachable(policy, settings)
    return f"{policy.terms.policy} revision {policy.terms.revision}"
