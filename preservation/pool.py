"""Work for many threads in flat memory: cut into portions, and done a bounded way ahead, in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeAlias, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Size: TypeAlias = Callable[[Item], int]


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, ahead: int, name: str
) -> Generator[Result]:
    """Yield what ``work`` returns for each of ``items``, in their order, done by several threads.

    Args:
        work: Is called in a thread of the pool; where there is only one item, in that of the caller.
        items: Taken as the work goes on, in the thread of the caller.
        threads: How many items are worked on at a time.
        ahead: How many items at most are begun or done, and not yielded yet.
        name: What the threads are called.

    Raises:
        Whatever the first failing item in the order raised. Then, and where the caller stops early, no
        further work is begun, and no thread is left at work.
    """
    coming = iter(items)
    first = list(islice(coming, 2))
    if len(first) == 1:
        # To start a thread and end it takes as long as a small package.
        yield work(first[0])
        return
    under_way: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, name)
    try:
        for item in chain(first, coming):
            under_way.append(pool.submit(work, item))
            if len(under_way) > ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def in_portions(
    items: Iterable[Item], size_of: Size[Item], *, most: int, enough: int
) -> Iterator[list[Item]]:
    """Yield ``items`` in lists of at most ``most``, each closed as soon as its sizes come to ``enough``.

    Large enough that handing them out costs nothing, small enough to hold.
    """
    portion: list[Item] = []
    held = 0
    for item in items:
        portion.append(item)
        held += size_of(item)
        if len(portion) >= most or held >= enough:
            yield portion
            portion, held = [], 0
    if portion:
        yield portion
