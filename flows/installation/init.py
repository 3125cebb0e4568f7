"""Makes a new installation: one directory with settings, policies, inboxes, stores and keys."""

from pathlib import Path

from flows.installation.jobs import Job
from flows.installation.server_secret import server_secret
from flows.installation.settings import FILE_NAME
from flows.installation.settings_file import load_settings
from flows.installation.stores import UnmadeStore, init_stores
from preservation.errors import ConfigurationError, StorageError
from preservation.policy.shipped import shipped_policies
from storage.journal.keys import generate_key
from storage.journal.witness import begin_memory

_FOLDERS = (
    "policies",
    "inbox",
    "processing",
    "accepted",
    "waiting",
    "rejected",
    "quarantine",
    "stores",
    "access",
    "state",
    "receipts",
    "reports",
)

_PRIVATE, _GROUP, _ENTERED = 0o700, 0o750, 0o755
_MODES = {"state": _PRIVATE, "quarantine": _PRIVATE, "inbox": _ENTERED, "policies": _ENTERED}
"""Who may enter the folders; those that are not named here are for the group of the service."""

_SETTINGS = """\
# Muniment: the settings of this installation. Paths are relative to this file.
# Any of them can be overridden by the environment: MUNIMENT_DATABASE__URL, MUNIMENT_WORK__THREADS ...

[database]
# The catalogue and the journal: back it up (docs/backup.md). For several machines or many writers:
# url = "postgresql://muniment@db.example.org/muniment", its password in ~/.pgpass.
url = "sqlite:///state/muniment.db"

[prefect]
# api_url = "http://127.0.0.1:4200/api"   # a Prefect of your own; else Muniment runs one in state/prefect
port = 4200                               # where `muniment up` serves it

[work]
threads = 0              # that read and write; 0: one a core
caged_processes = 0      # that decode images and documents; 0: one a core

[retries]
# Seconds to wait before each further try, where waiting may help: a store that is away, a locked database.
stores = [2, 10, 30]
database = [1, 5, 15]

[limits]
# What one caged process may use at most: a 600 dpi scan of an A1 sheet decodes to 840 MB, takes 2 GB
# to become a TIFF, and 5.5 GB to become a JPEG 2000.
memory = "8 GiB"
cpu_seconds = 600
wall_seconds = 900

[service]
# Flow runs under way at a time, and the seconds after which a drop that was interrupted is tried again.
runs = 2
pauses = [60, 300, 900, 3600]
# So many drops of an inbox are sent back in a row for one fault: what waits there is held, with an alarm,
# until `muniment release` (docs/gate.md). 0: never.
hold_after = 5

[schedules]
# When jobs run by themselves: cron, "" for never. "30 2 * * *" is every day at half past two.
{jobs}
timezone = "UTC"                 # or "Europe/Berlin"

# Who is notified of what needs attention (docs/alarms.md); without it, alarms go to the log only.
# [alarms]
# waiting_hours = 72
# contact = "the digitization desk, room 12"   # on receipts: whom people ask; else "an archivist"
#
# [alarms.mail]
# host = "mail.example.org"
# from = "muniment@example.org"
# to = ["archive@example.org"]
# security = "starttls"          # or "tls", or "none"
#
# [[alarms.webhook]]
# url = "https://chat.example.org/muniment"

# Who else keeps the journal's signed heads: a file elsewhere; the channels of the alarms, once a day.
# [witness]
# files = ["/mnt/elsewhere/muniment-heads.jsonl"]
# channels = true
#
# A time stamping authority (RFC 3161) says once a day that the newest of them exists (docs/journal.md).
# [[witness.authority]]
# url = "https://tsa.example.org/"
# roots = "tsa-roots.pem"        # the root certificates that you trust for it

# Inboxes elsewhere, on a share for example: make its folder `inbox`, the others are made in it.
# [[area]]
# path = "/mnt/scans"

# A bucket that drops arrive in, below inbox/<collection>/, and that they are answered in. Credentials are
# taken from the environment, or from a `profile` of the AWS configuration files.
# [[bucket_inbox]]
# name = "scans"
# bucket = "scans"
# prefix = ""                                # before inbox/, accepted/ and rejected/
# endpoint_url = "https://s3.example.com"    # without it: Amazon's own
# poll = 30                                  # seconds from one listing to the next

# A collection and the policy that governs it, all of it. Its inbox is inbox/<name>. What is for no collection
# that stands here is refused. `muniment up` makes the inbox of one that is added.
[[collection]]
name = "images"
policy = "policies/digitized-images.toml"

[[collection]]
name = "documents"
policy = "policies/digitized-documents.toml"

[[collection]]
name = "files"
policy = "policies/bit-level.toml"

# Stores: where packages are kept. `site` tells places apart that one disaster does not reach together.
# These two folders are on one machine: good for a first try. Put the second one elsewhere before you
# trust it with the only copy of something.
[[store]]
name = "first"
kind = "folder"
path = "stores/first"
site = "first-site"
provider = "this machine"
media = "disk"

[[store]]
name = "second"
kind = "folder"
path = "stores/second"
site = "second-site"
provider = "this machine"
media = "disk"
"""


def make_installation(directory: Path, text: str = "") -> Path:
    """Make an installation in ``directory``, with ``text`` as its settings; return its settings file.

    Without a text they are those of a first try, with two stores below it. Raises ``ConfigurationError``
    where the directory exists and is not empty (nothing is overwritten) or the text is wrong,
    ``StorageError`` where a store cannot be made.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(
            f"{directory}: this is not an empty directory, and nothing is overwritten; name a new one"
        )
    for folder in _FOLDERS:
        (directory / folder).mkdir(parents=True)
    # Umasks differ: what was dropped for few eyes must not be read by all in a copy or a derivative.
    for folder in _FOLDERS:
        mode = _MODES.get(folder, _GROUP)
        (directory / folder).chmod(mode)
    for name, content in shipped_policies().items():
        (directory / "policies" / name).write_bytes(content)
    file = directory / FILE_NAME
    file.write_text(text or _SETTINGS.replace("{jobs}", _schedules()), encoding="utf-8")
    settings = load_settings(directory)
    for collection in settings.collection:
        (directory / "inbox" / collection.name).mkdir()
    generate_key(settings.keys)
    begin_memory(settings.keys)
    server_secret(settings.state)
    for store in init_stores(settings, settings.store_names):
        if isinstance(store, UnmadeStore):
            raise StorageError(store.sentence)
    return file


def _schedules() -> str:
    """Return a line of ``[schedules]`` for each job that has a schedule."""
    scheduled = {job.summary: f'{job.setting} = "{job.cron}"' for job in Job if job.cron is not None}
    return "\n".join(f"{line:<32} # {summary}" for summary, line in scheduled.items())
