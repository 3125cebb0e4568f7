"""The settings of an installation, with their bounds and defaults, section by section."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    create_model,
    model_validator,
)

from flows.installation.alarm_settings import AlarmSettings, WitnessSettings
from flows.installation.areas import Area
from flows.installation.bucket_places import BUCKET_INBOX, BucketPlace, require_apart
from flows.installation.jobs import Job
from flows.installation.machine_settings import (
    DatabaseSettings,
    LimitSettings,
    PrefectSettings,
    RetrySettings,
    ServiceSettings,
    VirusSettings,
    WorkSettings,
)
from flows.installation.schedule import require_cron, require_timezone
from flows.installation.settings_section import Section
from flows.installation.store_settings import (
    AreaSettings,
    BucketInboxSettings,
    BucketSettings,
    CollectionSettings,
    FolderStoreSettings,
    S3StoreSettings,
    StoreSettings,
)
from preservation.errors import ConfigurationError
from preservation.model.identifiers import CollectionName, StoreName

FILE_NAME = "muniment.toml"
STATE = "state"


_Cron = Annotated[str, AfterValidator(lambda text: require_cron(text) if text.strip() else "")]


class _Schedules(Section):
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


class RepairSettings(Section):
    """Whether damage is repaired by itself, or once a person has approved it.

    Where more than ``most_objects`` objects are damaged, that is a disaster: only what a person approved is
    repaired then, whatever the ``mode``.
    """

    mode: Literal["ask", "automatic"] = "ask"
    most_objects: int = Field(default=10, ge=0)


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


class Settings(Section):
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
