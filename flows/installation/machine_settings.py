"""Settings of what runs on the machine: database, Prefect, work, retries, limits, virus scanner, service."""

from typing import Annotated

from pydantic import AfterValidator, ByteSize, Field

from flows.installation.settings_section import ONE_A_CORE, Seconds, Section, Waits
from preservation.tools.clamd import clamd_address


class DatabaseSettings(Section):
    """Where the catalogue and the journal live. A relative SQLite path is below the installation."""

    url: str = "sqlite:///state/muniment.db"


class PrefectSettings(Section):
    """Which Prefect runs the flows. Without ``api_url`` the installation runs its own server."""

    api_url: str = ""
    port: int = Field(default=4200, ge=1024, le=65535)


class WorkSettings(Section):
    """How much of the machine is used.

    ``threads`` read and write; ``caged_processes`` decode images and documents. 0 means one a core.
    A batch gathers drops of at most ``small_files`` files and ``small_size`` bytes, up to ``batch``. A worker
    runs ``at_a_time`` flow runs beside each other.
    """

    threads: Annotated[int, Field(ge=0, le=256, validate_default=True), ONE_A_CORE] = 0
    caged_processes: Annotated[int, Field(ge=0, le=64, validate_default=True), ONE_A_CORE] = 0
    at_a_time: int = Field(default=2, ge=1, le=64)
    batch: int = Field(default=50, ge=1, le=500)
    small_files: int = Field(default=200, ge=1)
    small_size: ByteSize = Field(default=ByteSize(64 << 20))


class RetrySettings(Section):
    """How many seconds to wait before each further try after an error that may pass by itself.

    As many tries follow the first as there are waits. ``stores`` is for writing to stores, where a network
    or a disk may come back; ``database`` for catalogue and journal, where another writer may have been first;
    ``local_work`` for everything else.
    """

    local_work: Waits = (1, 5)
    stores: Waits = (2, 10, 30)
    database: Waits = (1, 5, 15)


class LimitSettings(Section):
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


class VirusSettings(Section):
    """Where clamd listens, and how much is sent to it.

    ``seconds`` is how long it may be silent: more than its own MaxScanTime. ``streams`` go to it at a time,
    0 means one a core. A file that is larger than ``largest`` is not sent: it must not be more than clamd's
    MaxFileSize, MaxScanSize and StreamMaxLength, because clamd calls what it skips OK. The default is
    Debian's, and ClamAV itself looks at no file of 2 GiB or more.
    """

    clamd: Annotated[str, AfterValidator(_clamd)] = "unix:/run/clamav/clamd.ctl"
    seconds: float = Field(default=180, ge=1, le=24 * 60 * 60)
    streams: Annotated[int, Field(ge=0, le=64, validate_default=True), ONE_A_CORE] = 0
    largest: ByteSize = Field(default=ByteSize(25 << 20), ge=1, lt=2 << 30)


class ServiceSettings(Section):
    """How ``muniment up`` works off what was taken from the inboxes.

    ``runs`` flow runs may be under way at a time, over all collections. A drop that was interrupted is tried
    again after each of ``pauses``, in seconds; then it is left, with an alarm. Inboxes are looked through
    every ``sweep`` seconds, or as much less often as keeps that below a hundredth of a core. Where
    ``hold_after`` drops of an inbox in a row were sent back for the same fault, what waits there is held; 0
    means never.
    """

    runs: int = Field(default=2, ge=1, le=64)
    pauses: Waits = (60, 300, 900, 3600)
    sweep: float = Field(default=5, ge=1, le=3600)
    hold_after: int = Field(default=0, ge=0, le=1000)
    drain_seconds: Seconds = 300
