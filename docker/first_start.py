# noqa: INP001  a script of the image, not a package
"""Makes the installation of compose.yaml where there is none: folders, keys, database, stores, settings.

Once the settings stand in ``MUNIMENT_HOME`` it does nothing any more. The installation is made in a folder
there, and moved to its place when it is whole, the settings last. So a start that was killed, or failed,
leaves no installation, and the next one goes on, or begins anew. Where anything else lies there, it changes
nothing.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flows.installation.init import make_installation
from flows.installation.settings import FILE_NAME
from flows.installation.settings_file import HOME_VARIABLE, load_settings
from flows.installation.store_settings import S3StoreSettings
from preservation.errors import ConfigurationError, PreservationError, UnavailableError
from preservation.files.tree import remove_tree

BEGUN, WHOLE = ".first-start", ".first-start-made"
"""The folder in ``MUNIMENT_HOME`` in which the installation is made; its name when that is done."""

_ABSENT = ("404", "NoSuchBucket")


def make(home: Path, sample: Path) -> None:
    """Make the installation ``home`` with the settings in the folder ``sample``, and the stores they name.

    Raises ``PreservationError`` where something stands in the way.
    """
    begun, whole = home / BEGUN, home / WHOLE
    if not whole.exists():
        home.mkdir(parents=True, exist_ok=True)
        if begun.exists():
            remove_tree(begun)
        if any(home.iterdir()):
            raise ConfigurationError(
                f"{home}: something else lies there, and nothing is overwritten; give it an empty volume"
            )
        for store in load_settings(sample).store:
            if isinstance(store, S3StoreSettings):
                _make_bucket(store)
        make_installation(begun, (sample / FILE_NAME).read_text(encoding="utf-8"))
        with suppress(OSError):
            (begun / "stores").rmdir()  # the settings may have no store beside them
        begun.rename(whole)
    for made in sorted(whole.iterdir(), key=lambda one: one.name == FILE_NAME):
        made.rename(home / made.name)
    whole.rmdir()


def _make_bucket(store: S3StoreSettings) -> None:
    client = boto3.client("s3", endpoint_url=store.endpoint_url or None, region_name=store.region or None)
    try:
        client.head_bucket(Bucket=store.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ABSENT:
            raise UnavailableError(f"store {store.name}: {error}; see its credentials") from error
        client.create_bucket(Bucket=store.bucket)
    except BotoCoreError as error:
        raise UnavailableError(f"store {store.name}: {error}; see that it runs") from error


def main() -> None:
    """Make it, unless it is there."""
    home = Path(os.environ[HOME_VARIABLE])
    if (home / FILE_NAME).exists() and not (home / WHOLE).exists():
        sys.stderr.write(f"muniment: {home} is there already\n")
        return
    try:
        make(home, Path(__file__).parent)
    except (PreservationError, OSError) as error:
        sys.exit(f"muniment: {error}")
    sys.stderr.write(f"muniment: made an installation in {home}\n")


if __name__ == "__main__":
    main()
