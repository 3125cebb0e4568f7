"""What a store holds before and after: whatever is not the same is found."""

import os

import pytest
from support.memory_store import MemoryStore

from flows.archive.drills.comparison import FileInStore, by_version, differing, files_of
from preservation.errors import UnavailableError
from preservation.model.identifiers import PackageId, StoreName, VersionNumber, parse_object_id
from preservation.model.paths import StoreKey
from storage.ports.stores import SiteName, StorePlace, unwatched

ONE = FileInStore(b"a/b/v1/data/x", 3, "00")
TWO = FileInStore(b"a/b/v1/data/y", 3, "01")


def package(name: str, version: int = 1) -> PackageId:
    return PackageId(parse_object_id(f"a/{name}"), VersionNumber(version))


@pytest.mark.parametrize(
    ("after", "keys"),
    [
        ([ONE, TWO], []),
        ([ONE], ["a/b/v1/data/y"]),
        ([], ["a/b/v1/data/x", "a/b/v1/data/y"]),
        ([ONE, FileInStore(TWO.key, 3, "02")], ["a/b/v1/data/y"]),
        ([ONE, FileInStore(TWO.key, 4, "01")], ["a/b/v1/data/y"]),
        ([ONE, FileInStore(TWO.key, 3, "")], ["a/b/v1/data/y"]),
        ([ONE, FileInStore(b"a/b/v1/data/xx", 0, "00"), TWO], ["a/b/v1/data/xx"]),
    ],
)
def test_what_is_gone_other_unread_or_new_is_not_the_same(after: list[FileInStore], keys: list[str]):
    assert list(differing([ONE, TWO], after)) == keys


def test_what_could_not_be_read_either_time_is_not_the_same():
    unread = FileInStore(ONE.key, 3, "")
    assert list(differing([unread], [unread])) == [StoreKey("a/b/v1/data/x")]


def test_each_version_has_its_own_files_also_where_one_has_none_and_names_begin_alike():
    files = [
        FileInStore(b"a/b/v1/data/x", 1, "00"),
        FileInStore(b"a/b/v10/data/x", 1, "01"),
        FileInStore(b"a/c/v1/data/v1/data/x", 1, "02"),
        FileInStore(b"a/c/v1/manifest", 1, "03"),
    ]
    packages = [package("b"), package("b", 2), package("b", 10), package("c"), package("d")]
    found = {str(one): [each.sha256 for each in mine] for one, mine in by_version(packages, iter(files))}
    assert found == {"a/b/v1": ["00"], "a/b/v2": [], "a/b/v10": ["01"], "a/c/v1": ["02", "03"], "a/d/v1": []}


def test_names_that_are_no_text_are_read_and_a_store_that_is_away_is_no_difference():
    store = MemoryStore(StoreName("second"), StorePlace(SiteName("here"), "", ""))
    key = StoreKey(os.fsdecode(b"a/b/v1/data/\xff"))
    store.shelf.kept[key] = b"abc"
    [found] = files_of(store, [package("b")], threads=2, progress=unwatched)
    assert (found.key, found.size, len(found.sha256)) == (b"a/b/v1/data/\xff", 3, 64)
    assert list(differing([found], [found])) == []
    store.shelf.identity = None
    with pytest.raises(UnavailableError):
        list(files_of(store, [package("b")], threads=2, progress=unwatched))
