"""Notices in a bucket: see ``flows.inboxes.notices``."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from flows.inboxes.bucket.keys import DropPlace
from flows.inboxes.notices import Notices, names_of_notice
from flows.inboxes.queue.answers import AnswerPlace
from flows.installation.log import LOG
from flows.installation.scratch import scratch_folder
from preservation.errors import StorageError
from preservation.model.identifiers import CollectionName
from preservation.model.paths import printable
from preservation.receipt.rendering import notice_page
from preservation.settling.drops import PassedOver
from storage.ports.drop_buckets import DropBucket, DroppedObject


def bucket_notices(bucket: DropBucket, state: Path) -> Notices[DroppedObject]:
    """Return the notices about what lies in the bucket; they are remembered in ``state``."""
    board = _Board(bucket, state)
    decoder = msgspec.json.Decoder(dict[str, DroppedObject])
    return Notices(state / f"notices-{bucket.name}.json", decoder, board.put, board.take_away)


@dataclass(frozen=True, slots=True)
class _Board:
    """The place ``rejected/`` in the bucket. Pages are written in ``scratch`` before they are put there."""

    bucket: DropBucket
    scratch: Path

    def put(self, entry: PassedOver) -> DroppedObject | None:
        """Put a page about the entry, which has its path below ``inbox/``; ``None`` where that failed."""
        collection, *groups = entry.path.parts[:-1]
        place = DropPlace(CollectionName(collection), tuple(groups), entry.path.name)
        page = notice_page(printable(place.name), printable("/".join((collection, *groups))), entry.sentence)
        try:
            for name in names_of_notice(place.name):
                key = place.answer(AnswerPlace.REJECTED, name)
                if self.bucket.find(key) is None:
                    with scratch_folder(self.scratch, "notice") as folder:
                        ours = folder / "page.html"
                        ours.write_bytes(page)
                        self.bucket.put(key, ours, "text/html; charset=utf-8")
                elif self.bucket.read(key) != page:
                    continue
                # Ours now, or put there by another installation, or before a kill.
                return self.bucket.find(key)
            reason = "something else has its name"
        except (OSError, StorageError) as error:
            reason = str(error)
        LOG.warning("%s: no notice about it can be put into rejected/: %s", printable(place.name), reason)
        return None

    def take_away(self, notice: DroppedObject) -> bool:
        """Remove the page where it is as it was put; return whether that is done."""
        try:
            self.bucket.remove(notice)
        except StorageError as error:
            LOG.warning("%s: the notice cannot be removed: %s", printable(notice.key), error)
            return False
        return True
