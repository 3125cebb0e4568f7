"""Archives whose second store is a bucket of a real service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.buckets import CEPH, client, new_address, speak_as_the_archive
from sqlalchemy import update
from support.archives import Archive
from support.identities import made

from flows.installation.settings_file import load_settings
from preservation.model.identifiers import StoreName
from storage.database import tables
from storage.database.opening import open_database
from storage.stores.s3.bucket import OWN, Bucket, BucketAddress
from storage.stores.s3.leftovers import clear_leftovers
from storage.stores.s3.make import S3Maker


def put_second_store_into(archive: Archive, address: BucketAddress) -> None:
    """Make a place in a bucket the archive's second store, instead of a folder."""
    file = archive.directory / "muniment.toml"
    first, second, _ = file.read_text().partition('[[store]]\nname = "second"')
    assert second
    file.write_text(
        f'{first}[[store]]\nname = "second"\nkind = "s3"\nbucket = "{address.bucket}"\n'
        f'prefix = "{address.prefix}"\nendpoint_url = "{address.endpoint_url}"\naddressing = "path"\n'
        'site = "second-site"\n'
    )
    speak_as_the_archive()
    # Not by the address itself, which may be a line that breaks.
    identity = made(S3Maker(Bucket(StoreName("second"), replace(address, endpoint_url=CEPH.url()))))
    settings = load_settings(archive.directory)
    with open_database(settings.database_url) as database, database.writing() as connection:
        mine = tables.stores.c.name == "second"
        connection.execute(update(tables.stores).where(mine).values(identity=identity))


def copied(archive: Archive, address: BucketAddress, directory: Path) -> tuple[Archive, BucketAddress]:
    """Return an archive of one's own, with the same content, whose second store is a place of its own.

    It is the same store in another place, with the same identity, as after its bucket was moved.
    """
    elsewhere = new_address()
    service, place = client(), f"{address.prefix}/"
    for page in service.get_paginator("list_objects_v2").paginate(Bucket=address.bucket, Prefix=place):
        for found in page.get("Contents", ()):
            service.copy_object(
                Bucket=elsewhere.bucket,
                Key=f"{elsewhere.prefix}/{found['Key'].removeprefix(place)}",
                CopySource={"Bucket": address.bucket, "Key": found["Key"]},
            )
    own = replace(archive, directory=shutil.copytree(archive.directory, directory))
    file = own.directory / "muniment.toml"
    text = file.read_text()
    assert text.count(f'prefix = "{address.prefix}"') == 1
    text = text.replace(f'prefix = "{address.prefix}"', f'prefix = "{elsewhere.prefix}"')
    file.write_text(text.replace(f'bucket = "{address.bucket}"', f'bucket = "{elsewhere.bucket}"'))
    return own, elsewhere


def fetched(address: BucketAddress, folder: Path) -> Path:
    """Make ``folder`` hold what a place in a bucket holds, fetching what is new or was written again."""
    folder.mkdir(exist_ok=True)
    gone = {path for path in folder.rglob("*") if path.is_file()}
    for key, written in _objects(address):
        if key.startswith(f"{OWN}/"):
            continue
        path = folder / key
        gone.discard(path)
        if not path.exists() or path.stat().st_mtime != written:
            path.parent.mkdir(parents=True, exist_ok=True)
            client().download_file(address.bucket, f"{address.prefix}/{key}", str(path))
            os.utime(path, (written, written))
    for path in gone:
        path.unlink()
    return folder


def empty(address: BucketAddress) -> None:
    """Clear what killed runs left as if two days had gone by, and see that it went; remove every object."""
    clear_leftovers(Bucket(StoreName("emptied"), address), datetime.now(UTC) + timedelta(days=2))
    unfinished = client().list_multipart_uploads(Bucket=address.bucket, Prefix=f"{address.prefix}/")
    assert not unfinished.get("Uploads"), unfinished
    for key, _ in _objects(address):
        client().delete_object(Bucket=address.bucket, Key=f"{address.prefix}/{key}")


def _objects(address: BucketAddress) -> Iterator[tuple[str, float]]:
    """Give each object's key below the place, and when it was written, in seconds since the epoch."""
    prefix = f"{address.prefix}/"
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=address.bucket, Prefix=prefix)
    for page in pages:
        for found in page.get("Contents", ()):
            yield found["Key"].removeprefix(prefix), found["LastModified"].timestamp()
