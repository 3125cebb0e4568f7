"""Installations that watch a bucket of a real service, as settings and as processes."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from services.buckets import client
from support.forks import forked
from support.inbox_watch import watching
from support.takes import contents, takes_in, told_of
from support.waiting import until

from flows.inboxes import answer
from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.takes import take_folders
from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from preservation.model.verdicts import Verdict
from storage.stores.s3.bucket import BucketAddress


class Place:
    """What is in a place of a bucket, for those who drop there."""

    def __init__(self, address: BucketAddress) -> None:
        self.address = address
        self._client = client()

    def drop(self, name: str, files: int = 3) -> dict[str, bytes]:
        pages = {f"page {number}.tif": os.urandom(20_000) for number in range(files)}
        for page, content in pages.items():
            self.put(f"inbox/files/{name}/{page}", content)
        return pages

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(**self._at(key), Body=content)

    def listed(self, start: str = "") -> set[str]:
        prefix = f"{self.address.prefix}/"
        found = self._client.list_objects_v2(Bucket=self.address.bucket, Prefix=f"{prefix}{start}")
        keys = {one["Key"].removeprefix(prefix) for one in found.get("Contents", ())}
        return {key for key in keys if not key.startswith(".")}

    def content(self, key: str) -> bytes:
        return self._client.get_object(**self._at(key))["Body"].read()

    def _at(self, key: str) -> Any:  # noqa: ANN401  what the client's own types ask for is theirs
        return {"Bucket": self.address.bucket, "Key": f"{self.address.prefix}/{key}"}


def bucket_inbox(address: BucketAddress) -> str:
    """The section of muniment.toml that makes a place in a bucket an inbox."""
    return (
        f'\n[[bucket_inbox]]\nname = "scans"\nbucket = "{address.bucket}"\nprefix = "{address.prefix}"\n'
        f'endpoint_url = "{address.endpoint_url}"\naddressing = "path"\npoll = 1\n'
    )


def settle_in(directory: Path, seconds: int) -> None:
    """Have drops settle so soon, whatever the policy."""
    for policy in (directory / "policies").glob("*.toml"):
        policy.write_text(policy.read_text().replace("[intake]\n", f"[intake]\nsettle = {seconds}\n"))


def watching_installation(directory: Path, address: BucketAddress) -> Settings:
    """Make an installation that takes what has kept still for a second in the bucket."""
    make_installation(directory)
    settle_in(directory, 1)
    with (directory / "muniment.toml").open("a") as settings:
        settings.write(bucket_inbox(address))
    return load_settings(directory)


def answer_all(settings: Settings, receipts: Path) -> None:
    """End the run of whatever was taken: what is called bad is rejected, everything else is stored."""
    for take in takes_in(settings.areas[0]):
        if not is_answered(take):
            verdict = Verdict.REJECTED if take.name.startswith("bad") else Verdict.STORED
            answer.place(told_of(take, verdict, receipts), take)


def live(settings: Settings, receipts: Path) -> None:
    """Watch, and end every run at once, until killed."""
    with watching(settings):
        while True:
            answer_all(settings, receipts)
            time.sleep(0.05)


def kill_while_watching(place: Place, folder: Path, kills: int, drops: int, seed: int | str) -> None:
    """Kill services over so many good and so many bad drops; then every one is answered exactly once."""
    settings = watching_installation(folder / "ours", place.address)
    receipts = folder / "receipts"
    names = [f"{kind}-{number}" for kind in ("good", "bad") for number in range(drops)]
    dropped = {name: place.drop(name, 6) for name in names}
    source = random.Random(seed)  # noqa: S311  the same instants each time
    for _ in range(kills):
        service = forked(live, settings, receipts)
        service.start()
        time.sleep(source.uniform(1, 2.2))
        service.kill()
        service.join()
        assert service.exitcode == -signal.SIGKILL
    with watching(settings):
        until(lambda: answer_all(settings, receipts) or not place.listed("inbox/"))
        until(lambda: not take_folders(settings.areas[0]))
    accepted = contents(settings.areas[0].accepted / "files")
    answers = place.listed()
    for name, pages in dropped.items():
        if name.startswith("good"):
            assert {page: accepted[f"{name}/{page}"] for page in pages} == pages
            assert f"accepted/files/{name}.receipt.html" in answers
        else:
            assert {page: place.content(f"rejected/files/{name}/{page}") for page in pages} == pages
            assert f"rejected/files/{name}.receipt.html" in answers
    assert not [name for name in (*answers, *accepted) if "(2)" in name]
