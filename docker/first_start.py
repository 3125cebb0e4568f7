# noqa: INP001  a script of the image, not a package
"""Makes the installation of compose.yaml where there is none: folders, keys, database, stores, settings.

Once the settings stand in ``MUNIMENT_HOME`` it does nothing any more. They are written last, so that what a
start that was killed left is no installation; where it left something, it says so and changes nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flows.installation.init import make_installation
from flows.installation.settings import FILE_NAME, S3StoreSettings
from flows.installation.settings_file import HOME_VARIABLE, load_settings
from flows.installation.stores import UnmadeStore, init_stores
from preservation.errors import PreservationError, UnavailableError

_ABSENT = ("404", "NoSuchBucket")


def make(home: Path, sample: Path) -> None:
    """Make the installation ``home`` with the settings in the folder ``sample``, and the stores they name.

    Raises ``PreservationError`` where something stands in the way.
    """
    for store in load_settings(sample).store:
        if isinstance(store, S3StoreSettings):
            _make_bucket(store)
    make_installation(home)
    shutil.rmtree(home / "stores")  # of every new installation; nothing was kept there
    written = home / f"{FILE_NAME}.new"
    shutil.copyfile(sample / FILE_NAME, written)
    written.replace(home / FILE_NAME)
    settings = load_settings(home)
    for made in init_stores(settings, settings.store_names):
        if isinstance(made, UnmadeStore):
            raise UnavailableError(made.sentence)


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
    if (home / FILE_NAME).exists():
        sys.stderr.write(f"muniment: {home} is there already\n")
        return
    try:
        make(home, Path(__file__).parent)
    except PreservationError as error:
        sys.exit(f"muniment: {error}")
    sys.stderr.write(f"muniment: made an installation in {home}\n")


if __name__ == "__main__":
    main()
