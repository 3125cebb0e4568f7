"""Before a version is committed: what it relies on in earlier versions is still there, in that very store."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from preservation.model.packages import EarlierFile
from preservation.model.paths import StoreKey
from storage.ports.stores import Store


def absent_earlier(store: Store, files: Iterable[EarlierFile]) -> list[EarlierFile]:
    """Return those of ``files`` that ``store`` has not, or has in another size.

    One listing a version, no request a file. Raises ``StorageError`` where the store does not answer.
    """
    absent: list[EarlierFile] = []
    by_version = sorted(files, key=lambda file: file.locator.package)
    for package, relied_on in groupby(by_version, key=lambda file: file.locator.package):
        sizes: dict[StoreKey, int] = {kept.key: kept.size for kept in store.list(package.prefix)}
        absent += (file for file in relied_on if sizes.get(file.locator.key) != file.size)
    return absent
