"""The fingerprint of a submission's content, by which the same drop is recognised when it comes again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from preservation.bagit.manifests import manifest_line
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.dossiers import Dossier
from preservation.model.packages import BagEntry
from preservation.model.paths import BagPath
from preservation.packaging.supplied import submitted_tags


def fingerprint(files: Iterable[Dossier], bag_root: Path | None = None) -> HexDigest:
    """Return the SHA-256 of what would be kept: names and content, whatever the dates.

    It is the digest of a BagIt manifest over the kept files with their paths in the drop, each line
    preceded by the size in bytes and a space, in the order of the survey; then likewise the tag files
    of a submitted bag, whose folder is ``bag_root``. Raises ``IntegrityError`` where one cannot be read.
    """
    digest = hashlib.sha256()
    for dossier in files:
        file = dossier.kept
        if file is not None:
            line = manifest_line(file.digests[Algorithm.SHA256], BagPath(file.path))
            digest.update(b"%d %s" % (file.size, line))
    for tag in submitted_tags(bag_root, (Algorithm.SHA256,)) if bag_root is not None else ():
        if isinstance(tag, BagEntry):
            digest.update(b"%d %s" % (tag.size, manifest_line(tag.digests[Algorithm.SHA256], tag.path)))
    return HexDigest(digest.hexdigest())
