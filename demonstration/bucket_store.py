"""A store in a bucket of a real S3 service of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import boto3

from demonstration import rados_gateway
from flows.installation.settings_file import load_settings
from flows.installation.stores import UnmadeStore, init_stores
from preservation.model.identifiers import StoreName


def move_second_store_to_bucket(installation: Path) -> None:
    """Make a bucket on a real S3 service of this machine, and the second store of the installation of it.

    Exits where there is no such service.
    """
    try:
        service = rados_gateway.gateway()
    except rados_gateway.CephMissingError as error:
        sys.exit(f"demonstration: {error}")
    bucket = rados_gateway.new_name("demonstration")
    os.environ.update(rados_gateway.ARCHIVE.environment)
    boto3.client("s3", endpoint_url=service.url, region_name="us-east-1").create_bucket(Bucket=bucket)
    file = installation / "muniment.toml"
    before, second, _ = file.read_text(encoding="utf-8").partition('[[store]]\nname = "second"\n')
    file.write_text(
        f'{before}{second}kind = "s3"\nbucket = "{bucket}"\nendpoint_url = "{service.url}"\n'
        'addressing = "path"\nsite = "second-site"\nprovider = "this machine"\nmedia = "object store"\n',
        encoding="utf-8",
    )
    for one in init_stores(load_settings(installation), [StoreName("second")]):
        if isinstance(one, UnmadeStore):
            sys.exit(f"demonstration: {one.sentence}")
