"""The settings of an installation, with their bounds and defaults, section by section."""

from __future__ import annotations

import os
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)

from flows.installation.areas import Area
from flows.installation.bucket_places import BUCKET_INBOX, BucketPlace, require_apart
from flows.installation.jobs import Job
from flows.installation.schedule import require_cron, require_timezone
from preservation.errors import ConfigurationError
from preservation.model.identifiers import IDENTITY_PATTERN, CollectionName, StoreName, collection_name
from preservation.tools.clamd import clamd_address

FILE_NAME = "muniment.toml"
STATE = "state"


def _listed(value: object) -> object:
    """Split what the environment gives as one text, ``2, 10, 30``; an empty text is an empty list."""
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_Seconds = Annotated[float, Field(ge=0, le=24 * 60 * 60)]
_Waits = Annotated[tuple[_Seconds, ...], BeforeValidator(_listed), Field(max_length=20)]
_ONE_A_CORE = AfterValidator(lambda number: number or os.cpu_count() or 1)
"""Of a number that may be 0, which stands for the number of cores."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Section):
    """Where the catalogue and the journal live. A relative SQLite path is below the installation."""

    url: str = "sqlite:///state/muniment.db"


class PrefectSettings(_Section):
    """Which Prefect runs the flows. Without ``api_url`` the installation runs its own server."""

    api_url: str = ""
    port: int = Field(default=4200, ge=1024, le=65535)


class WorkSettings(_Section):
    """How much of the machine is used.

    ``threads`` read and write; ``caged_processes`` decode images and documents. 0 means one a core.
    A batch gathers drops of at most ``small_files`` files and ``small_size`` bytes, up to ``batch``. A worker
    runs ``at_a_time`` flow runs beside each other.
    """

    threads: Annotated[int, Field(ge=0, le=256, validate_default=True), _ONE_A_CORE] = 0
    caged_processes: Annotated[int, Field(ge=0, le=64, validate_default=True), _ONE_A_CORE] = 0
    at_a_time: int = Field(default=2, ge=1, le=64)
    batch: int = Field(default=50, ge=1, le=500)
    small_files: int = Field(default=200, ge=1)
    small_size: ByteSize = Field(default=ByteSize(64 << 20))


class RetrySettings(_Section):
    """How many seconds to wait before each further try after an error that may pass by itself.

    As many tries follow the first as there are waits. ``stores`` is for writing to stores, where a network
    or a disk may come back; ``database`` for catalogue and journal, where another writer may have been first;
    ``local_work`` for everything else.
    """

    local_work: _Waits = (1, 5)
    stores: _Waits = (2, 10, 30)
    database: _Waits = (1, 5, 15)


class LimitSettings(_Section):
    """What one caged process, and one serialized bag, may use at most."""

    memory: ByteSize = Field(default=ByteSize(8 << 30), ge=256 << 20)
    cpu_seconds: int = Field(default=600, ge=1)
    wall_seconds: int = Field(default=900, ge=1)
    derivative_size: ByteSize = Field(default=ByteSize(16 << 30))
    unpacked_size: ByteSize = Field(default=ByteSize(64 << 30))
    unpacked_files: int = Field(default=1_000_000, ge=1)


def _clamd(text: str) -> str:
    clamd_address(text)
    return text


class VirusSettings(_Section):
    """Where clamd listens, and how much is sent to it.

    ``seconds`` is how long it may be silent: more than its own MaxScanTime. ``streams`` go to it at a time,
    0 means one a core. A file that is larger than ``largest`` is not sent: it must not be more than clamd's
    MaxFileSize, MaxScanSize and StreamMaxLength, because clamd calls what it skips OK. The default is
    Debian's, and ClamAV itself looks at no file of 2 GiB or more.
    """

    clamd: Annotated[str, AfterValidator(_clamd)] = "unix:/run/clamav/clamd.ctl"
    seconds: float = Field(default=180, ge=1, le=24 * 60 * 60)
    streams: Annotated[int, Field(ge=0, le=64, validate_default=True), _ONE_A_CORE] = 0
    largest: ByteSize = Field(default=ByteSize(25 << 20), ge=1, lt=2 << 30)


class ServiceSettings(_Section):
    """How ``muniment up`` works off what was taken from the inboxes.

    ``runs`` flow runs may be under way at a time, over all collections. A drop that was interrupted is tried
    again after each of ``pauses``, in seconds; then it is left, with an alarm. Inboxes are looked through
    every ``sweep`` seconds, or as much less often as keeps that below a hundredth of a core.
    """

    runs: int = Field(default=2, ge=1, le=64)
    pauses: _Waits = (60, 300, 900, 3600)
    sweep: float = Field(default=5, ge=1, le=3600)
    drain_seconds: _Seconds = 300


_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9-]+"
_Address = Annotated[str, Field(pattern=rf"^{_WORD}(\.{_WORD})*@{_LABEL}(\.{_LABEL})*$", max_length=254)]
"""As plain as every mail server takes it (RFC 5321, section 4.1.2): nothing in it ends a header."""


class Security(StrEnum):
    """How the connection to the mail server is secured: after the greeting, from the start, or not."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class MailSettings(_Section):
    """The mail server that alarms are sent by. Without ``port`` it is the one that ``security`` implies."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    port: int | None = Field(default=None, ge=1, le=65535)
    sender: _Address = Field(alias="from")
    to: tuple[_Address, ...] = Field(min_length=1, max_length=50)
    security: Security = Security.STARTTLS

    @property
    def reached_at(self) -> int:
        """The port, by default that of ``security``."""
        return self.port or _PORTS[self.security]


class WebhookSettings(_Section):
    """A URL that alarms are posted to, without a password."""

    url: str = Field(pattern=r"^https?://[^/@\s?#]+(/[^\s#]*)?$", max_length=2000)


class AlarmSettings(_Section):
    """Who is notified. Without any channel, alarms go to the log only.

    A drop that waits for ``waiting_hours`` raises an alarm. ``contact`` stands on receipts: whom people ask.
    """

    mail: MailSettings | None = None
    webhook: tuple[WebhookSettings, ...] = Field(default=(), max_length=20)
    waiting_hours: float = Field(default=72, gt=0, le=365 * 24)
    contact: str = Field(default="", max_length=200)


class AuthoritySettings(_Section):
    """A time stamping authority (RFC 3161): its URL, without a password or a query.

    ``roots`` is a PEM file of the root certificates that are trusted for it.
    """

    url: str = Field(pattern=r"^https?://[^/@\s?#]+(/[^\s?#]*)?$", max_length=2000)
    roots: Path


class WitnessSettings(_Section):
    """Who else keeps the journal's signed heads, so that a rollback of database and stores shows.

    Each of ``files``, best on another machine, gets every signed head, one a line. With ``channels`` the mail
    server and the webhooks of the alarms get one a day. Each ``authority`` is asked for a time stamp a day.
    """

    files: Annotated[tuple[Path, ...], BeforeValidator(_listed)] = Field(default=(), max_length=20)
    channels: bool = False
    authority: tuple[AuthoritySettings, ...] = Field(default=(), max_length=5)


_Cron = Annotated[str, AfterValidator(lambda text: require_cron(text) if text.strip() else "")]


class _Schedules(_Section):
    """When jobs run by themselves: cron texts, read in ``timezone``; an empty one means never."""

    timezone: Annotated[str, AfterValidator(require_timezone)] = "UTC"


if TYPE_CHECKING:
    ScheduleSettings = _Schedules
else:
    ScheduleSettings = create_model(
        "ScheduleSettings",
        __base__=_Schedules,
        **{job.setting: (_Cron, job.cron) for job in Job if job.cron is not None},
    )


class RepairSettings(_Section):
    """Whether damage is repaired by itself, or once a person has approved it.

    Where more than ``most_objects`` objects are damaged, that is a disaster: only what a person approved is
    repaired then, whatever the ``mode``.
    """

    mode: Literal["ask", "automatic"] = "ask"
    most_objects: int = Field(default=10, ge=0)


class AreaSettings(_Section):
    """A directory besides the installation's own, such as a share, in which drops arrive and are answered."""

    path: Path


class CollectionSettings(_Section):
    """One collection and the policy that governs it, all of it. ``at_a_time`` runs of it may be under way."""

    name: Annotated[str, AfterValidator(collection_name)]
    policy: Path
    at_a_time: int = Field(default=0, ge=0, le=64)


class _StoreSettings(_Section):
    """A store. Two stores have different ``site`` where no one disaster reaches both.

    ``identity`` is what ``muniment stores init`` gave it: another one there, or none, is another place.
    ``rehearsal`` is for a store that holds copies alone: what is in it may be damaged or emptied on purpose.
    A ``retired`` one is read, and no further package is written into it.
    """

    name: str = Field(pattern=_NAME)
    identity: str | None = Field(default=None, pattern=IDENTITY_PATTERN)
    site: str = Field(min_length=1)
    provider: str = ""
    media: str = ""
    rehearsal: bool = False
    retired: bool = False


class FolderStoreSettings(_StoreSettings):
    """A folder as a store; a relative path is below the installation.

    ``readers`` may read what is kept from now on: the owner, its group, or all accounts.
    """

    kind: Literal["folder"]
    path: Path
    readers: Literal["owner", "group", "all"] = "group"


class BucketSettings(_Section):
    """Where a bucket of a service that speaks S3 is. The bucket must be there.

    Credentials are no settings: they come from the environment, or from ``profile`` in the AWS
    configuration files. Without ``endpoint_url`` the service is Amazon's own. ``connections`` may be
    open at a time.
    """

    bucket: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$")
    prefix: str = Field(default="", max_length=200, pattern=r"^([^/]+(/[^/]+)*)?$")
    endpoint_url: str = Field(default="", pattern=r"^(https?://[^/\s]+(/\S*)?)?$")
    region: str = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    profile: str = ""
    connections: int = Field(default=16, ge=1, le=256)


class S3StoreSettings(_StoreSettings, BucketSettings):
    """A bucket as a store."""

    kind: Literal["s3"]


class BucketInboxSettings(BucketSettings):
    """A bucket that drops arrive in, below ``inbox/<collection>/``, and that they are answered in.

    It is listed every ``poll`` seconds, or as much less often as keeps that below a hundredth of a core.
    """

    name: str = Field(pattern=_NAME)
    poll: float = Field(default=30, ge=1, le=3600)


StoreSettings = Annotated[FolderStoreSettings | S3StoreSettings, Field(discriminator="kind")]


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


class Settings(_Section):
    """All settings of an installation. ``directory`` is the installation's own."""

    directory: Path
    database: DatabaseSettings = DatabaseSettings()
    prefect: PrefectSettings = PrefectSettings()
    work: WorkSettings = WorkSettings()
    retries: RetrySettings = RetrySettings()
    limits: LimitSettings = LimitSettings()
    virus: VirusSettings = VirusSettings()
    service: ServiceSettings = ServiceSettings()
    alarms: AlarmSettings = AlarmSettings()
    witness: WitnessSettings = WitnessSettings()
    repair: RepairSettings = RepairSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    area: tuple[AreaSettings, ...] = ()
    bucket_inbox: tuple[BucketInboxSettings, ...] = ()
    default_policy: Path | None = None
    collection: tuple[CollectionSettings, ...] = ()
    store: tuple[StoreSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        for kind, names in (
            ("collection", [collection.name for collection in self.collection]),
            ("store", [store.name for store in self.store]),
            ("bucket inbox", [inbox.name for inbox in self.bucket_inbox]),
            ("time stamping authority", [authority.url for authority in self.witness.authority]),
        ):
            if twice := ", ".join(_repeated(names)):
                raise ValueError(f"more than one {kind} is called {twice}")
        if twice := ", ".join(_repeated([store.identity for store in self.store if store.identity])):
            raise ValueError(f"more than one store has the identity {twice}; each store has its own")
        return self

    @model_validator(mode="after")
    def _areas_are_named_once(self) -> Settings:
        if twice := ", ".join(_repeated([os.path.normpath(area.root) for area in self.areas])):
            raise ValueError(f"{twice} is more than one area; name each once, and not the installation")
        return self

    @model_validator(mode="after")
    def _bucket_inboxes_are_apart(self) -> Settings:
        named: list[tuple[str, str, BucketSettings]]
        named = [(BUCKET_INBOX, inbox.name, inbox) for inbox in self.bucket_inbox]
        named += [("store", store.name, store) for store in self.store if isinstance(store, S3StoreSettings)]
        require_apart(
            [BucketPlace(kind, name, at.endpoint_url, at.bucket, at.prefix) for kind, name, at in named]
        )
        return self

    @property
    def areas(self) -> tuple[Area, ...]:
        """Where drops arrive: the installation's own directory first."""
        return (Area(self.directory, own=True), *(Area(self.directory / area.path) for area in self.area))

    @property
    def state(self) -> Path:
        """Databases, keys and Prefect's own files."""
        return self._folder(STATE)

    @property
    def keys(self) -> Path:
        """The key that signs the journal's heads, and every public key ever used."""
        return self.state / "keys"

    @property
    def witness_files(self) -> tuple[Path, ...]:
        """The files that get every signed head of the journal."""
        return tuple(self.directory / file for file in self.witness.files)

    @property
    def time_stamp_roots(self) -> dict[str, Path]:
        """By the URL of each time stamping authority, the file of the roots that are trusted for it."""
        return {authority.url: self.directory / authority.roots for authority in self.witness.authority}

    @property
    def time_stamps(self) -> Path:
        """The installation's own copies of the tokens of time stamps."""
        return self.state / "time-stamps"

    @property
    def processing(self) -> Path:
        """Submissions on their way."""
        return self._folder("processing")

    def _folder(self, name: str) -> Path:
        """Return a folder of the installation; where the operator made it a link, where that leads."""
        return (self.directory / name).resolve()

    @property
    def repair_quarantine(self) -> Path:
        """What repair takes out of stores, by store and version."""
        return self._folder("quarantine") / "repairs"

    @property
    def receipts(self) -> Path:
        """The receipts, by collection and object."""
        return self.directory / "receipts"

    @property
    def reports(self) -> Path:
        """Reports, and the records and certificates of drills."""
        return self.directory / "reports"

    @property
    def access(self) -> Path:
        """Access derivatives, which can be made again at any time."""
        return self.directory / "access"

    @property
    def database_url(self) -> str:
        """The database's URL, a relative SQLite path made absolute."""
        scheme, separator, path = self.database.url.partition(":///")
        if separator and scheme.startswith("sqlite") and not path.startswith("/"):
            return f"{scheme}:///{self.directory / path}"
        return self.database.url

    def policy_of(self, collection: CollectionName) -> Path:
        """Return the policy file that governs ``collection``.

        Raises ``ConfigurationError``, which names the known ones, where there is none.
        """
        policy = self._policies.get(collection, self.default_policy)
        if policy is not None:
            return self.directory / policy
        raise ConfigurationError(
            f"{self.refusal_of(collection)}; to have another one, add to {self.directory / FILE_NAME}, "
            f'in three lines: [[collection]] name = "{collection}" policy = "policies/FILE.toml"'
        )

    def refusal_of(self, collection: CollectionName) -> str:
        """Return why nothing is taken for ``collection``, with the known ones; ``""`` where some is."""
        if self.default_policy is not None or collection in self._policies:
            return ""
        near = get_close_matches(collection, self._policies)
        meant = f"; did you mean {' or '.join(near)}?" if near else "."
        others = sorted(name for name in self._policies if name not in near)
        return (
            f"there is no collection {collection}{meant} Known are: {', '.join((*near, *others)) or 'none'}"
        )

    @property
    def _policies(self) -> dict[str, Path]:
        return {configured.name: configured.policy for configured in self.collection}

    def store_root(self, store: FolderStoreSettings) -> Path:
        """Return the absolute folder of ``store``."""
        return self.directory / store.path

    @property
    def store_names(self) -> tuple[StoreName, ...]:
        """The names of all stores, in the order of the file."""
        return tuple(StoreName(store.name) for store in self.store)

    @property
    def stores_in_use(self) -> tuple[StoreName, ...]:
        """The names of the stores that packages are written into: all but the retired ones."""
        return tuple(StoreName(store.name) for store in self.store if not store.retired)
