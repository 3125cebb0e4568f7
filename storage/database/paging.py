"""Reading long tables a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Row, Select

from storage.database.opening import Database

PAGE = 1000


def pages(
    database: Database, query: Select[Any], key: Column[int], *, after: int = -1, newest_first: bool = False
) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows of ``query`` above ``after`` in the order of ``key``, one of its columns, in pages.

    Each page is a transaction of its own: no connection is held while the caller is at work, and
    none is left open by a caller who stops early.
    """
    ordered = query.order_by(key.desc() if newest_first else key).limit(PAGE)
    next_page = ordered.where(key > after)
    while True:
        with database.reading() as connection:
            page = connection.execute(next_page).all()
        if page:
            yield page
        if len(page) < PAGE:
            return
        last = page[-1]._mapping[key]  # noqa: SLF001  SQLAlchemy's public name, underscored to spare column names
        next_page = ordered.where(key < last if newest_first else key > last)
