"""``muniment order``: what a collection is to receive, and how far its delivery is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from flows.archive.orders.page import OrderStatus
    from flows.archive.orders.status import OrderedObject, OrderGroup
    from flows.installation.settings import Settings
    from preservation.model.identifiers import CollectionName
    from preservation.model.orders import Order
    from preservation.orders.difference import ListDifference
    from preservation.orders.reading import ListedOrders

VERBS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What was ordered: import lists of it, withdraw orders, show what was delivered.",
)

_SHOWN = 20
_TERMS = ("pages", "files", "names", "due", "vendor", "batch")


@VERBS.command(name="import")
def import_list(
    file: Annotated[Path, typer.Argument(metavar="LIST", help="A list of objects: CSV in UTF-8, or xlsx.")],
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="The collection; may be left out where there is one.")
    ] = "",
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw what is ordered and not listed any more.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Import a list of what was ordered: one row an object, all of it or nothing.

    A column names the object; others may say how many pages or files it has, their names, the day by which it
    is due, vendor and batch. [order] of the policy names the headings. From then on each drop is held against
    its order. The same list again changes nothing; a changed one changes just that.

    Exit codes: 0 imported, 2 no such collection, or a policy that is not sound, 3 something is wrong with the
    list, and nothing was imported: every fault is printed with its row and column, 6 no such file.

    Example: muniment order import batch-3.csv --collection manuscripts --dry-run
    """
    from flows.archive.orders.order_list import read_list, refused
    from flows.archive.orders.placement import difference_from, place_list
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation

    settings = load_settings(installation)
    named = _collection(collection, settings)
    with open_installation(settings) as opened:
        listed = read_list(file, named, opened)
        if listed.faults:
            _say_faults(listed, json=json)
            raise refused(file, listed)
        if dry_run:
            found = difference_from(listed, named, opened)
        else:
            found = place_list(listed, named, file, opened, withdraw=withdraw)
    if json:
        _say_json(listed, found, withdraw=withdraw, dry_run=dry_run)
    else:
        _say(named, listed, found, withdraw=withdraw, dry_run=dry_run)


@VERBS.command()
def withdraw(
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="What is not ordered any more.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why it is withdrawn.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who withdraws it.")],
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Withdraw the order of one object. What was delivered of it stays; the journal has who did it, and why.

    Exit codes: 0 withdrawn, 6 no order of it holds.

    Example: muniment order withdraw manuscripts/ms-1387 --because "too fragile" --by "A. Turner"
    """
    from flows.archive.orders.placement import withdraw_order
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from preservation.model.identifiers import object_id_named
    from preservation.model.paths import printable

    object_id = object_id_named(name)
    with open_installation(load_settings(installation)) as opened:
        withdrawn = withdraw_order(object_id, opened, by=by, because=because)
    if json:
        say_json({"what": "withdrawn", **_fields(withdrawn.order)})
    else:
        say(f"withdrawn  {printable(str(object_id))}")


@VERBS.command()
def status(
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="Only orders of this collection.")
    ] = "",
    batch: Annotated[str | None, typer.Option(help="Only orders of this batch.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Only orders of this vendor.")] = None,
    html: Annotated[bool, typer.Option("--html", help="A page in reports/, to be printed.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="A table of all objects on stdout.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Show what came of the orders: per batch and vendor, and which objects need attention.

    What was delivered is what was dropped, whenever that was: accepted is an object of which a drop was kept.
    No store is read.

    Exit codes: 0 also where something is overdue, 2 no such collection, 6 the database does not answer.

    Example: muniment order status --batch 3 --csv > batch-3.csv
    """
    import sys

    from flows.archive.orders.page import OrderTable, StatusRequest, gather_status, keep_status
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from preservation.errors import ConfigurationError

    if html + csv + json > 1:
        raise ConfigurationError("--html, --csv and --json exclude each other; name one of them")
    settings = load_settings(installation)
    request = StatusRequest(_collection(collection, settings) if collection else None, batch, vendor)
    with open_installation(settings) as opened:
        if csv:
            gather_status(opened, request, OrderTable(sys.stdout.buffer.write).add)
            sys.stdout.buffer.flush()
        elif json:
            found = gather_status(opened, request, _say_object)
            for group in found.summary.in_order():
                say_json({"what": "group", **_plain(group)})
        else:
            found = gather_status(opened, request)
            if html:
                say(f"page  {keep_status(opened, found)}")
            _say_status(found)


def _collection(text: str, settings: Settings) -> CollectionName:
    """Return the collection that is named, or the only one there is."""
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import CollectionName, collection_name

    known = [one.name for one in settings.collection]
    if not text:
        if len(known) == 1:
            return CollectionName(known[0])
        raise ConfigurationError(
            "which collection is the list for? Name it with --collection: "
            f"{', '.join(known) or 'none is set'}"
        )
    try:
        named = collection_name(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    # Raises what says which collections there are.
    settings.policy_of(named)
    return named


def _say_faults(listed: ListedOrders, *, json: bool) -> None:
    from preservation.model.paths import printable

    for fault in listed.faults:
        if json:
            fields = {"row": fault.row or None, "column": fault.column or None}
            say_json({"what": "fault", **fields, "sentence": fault.sentence})
        else:
            say(printable(": ".join(filter(None, (fault.place, fault.sentence)))))


def _fields(order: Order) -> dict[str, object]:
    terms = {term: getattr(order, term) for term in _TERMS}
    return {"object": str(order.object), **terms, "names": list(order.names)}


def _say_json(listed: ListedOrders, found: ListDifference, *, withdraw: bool, dry_run: bool) -> None:
    for one in found.new:
        say_json({"what": "new", **_fields(one.order), "before": None})
    for one in found.changed:
        before = None if one.before is None else _fields(one.before)
        say_json({"what": "changed", **_fields(one.order), "before": before})
    for order in found.unlisted:
        say_json({"what": "withdrawn" if withdraw else "unlisted", **_fields(order), "before": None})
    say_json(
        {
            "what": "list",
            "form": listed.form,
            "unread": list(listed.unread),
            "new": len(found.new),
            "changed": len(found.changed),
            "unchanged": found.unchanged,
            "unlisted": len(found.unlisted),
            "dry_run": dry_run,
        }
    )


def _say(
    collection: CollectionName, listed: ListedOrders, found: ListDifference, *, withdraw: bool, dry_run: bool
) -> None:
    from preservation.model.amounts import count
    from preservation.model.paths import printable

    said = [f"new        {one.order.object}  {_words(one.order)}" for one in found.new]
    said += [
        f"changed    {one.order.object}  {_changes(one.before, one.order)}"
        for one in found.changed
        if one.before is not None
    ]
    gone = "withdrawn " if withdraw else "not listed"
    said += [f"{gone} {order.object}" for order in found.unlisted]
    for line in said[:_SHOWN]:
        say(printable(line))
    if len(said) > _SHOWN:
        say(f"and {len(said) - _SHOWN:,} more: --json has all")
    say(f"read as {listed.form}")
    if listed.unread:
        say(printable(f"columns that were not read: {', '.join(listed.unread)[:500]}"))
    would = "would be " if dry_run else ""
    unlisted = f"{would}withdrawn" if withdraw else "not listed"
    say(
        f"{collection}: {count(len(found.new), 'order')} {would}new, {len(found.changed):,} {would}changed, "
        f"{found.unchanged:,} unchanged, {len(found.unlisted):,} {unlisted}"
    )
    if found.unlisted and not withdraw:
        note("What is not listed stays ordered; to withdraw it: --withdraw, or muniment order withdraw")


def _say_object(one: OrderedObject) -> None:
    say_json({"what": "object", **_plain(one)})


def _plain(one: OrderedObject | OrderGroup) -> dict[str, object]:
    import msgspec

    return msgspec.structs.asdict(one)


def _say_status(found: OrderStatus) -> None:
    from flows.archive.orders.page import headline
    from preservation.model.paths import printable

    for one in found.summary.in_order():
        named = filter(None, (one.collection, one.batch and f"batch {one.batch}", one.vendor))
        say(printable(", ".join(named)))
        say(
            f"    {one.ordered:,} ordered, {one.delivered:,} delivered, {one.accepted:,} accepted, "
            f"{one.sent_back:,} sent back, {one.waiting:,} waiting, {one.missing:,} not delivered, "
            f"{one.overdue:,} overdue"
        )
    for seen in found.named[:_SHOWN]:
        late = f", due {seen.due}" if seen.overdue else ""
        say(f"  {seen.state.value.upper():14} {printable(f'{seen.collection}/{seen.object}')}{late}")
    if found.need_attention > _SHOWN:
        say(f"  and {found.need_attention - _SHOWN:,} more: --csv has all")
    say(headline(found))


def _words(order: Order) -> str:
    """Return the terms of an order in words."""
    from preservation.model.amounts import count

    words = (
        "" if order.pages is None else count(order.pages, "page"),
        "" if order.files is None else count(order.files, "file"),
        count(len(order.names), "name") if order.names else "",
        "" if order.due is None else f"due {order.due}",
        order.vendor,
        f"batch {order.batch}" if order.batch else "",
    )
    return ", ".join(filter(None, words))


def _changes(before: Order, order: Order) -> str:
    """Return which terms changed, from what to what."""
    changed = []
    for term in _TERMS:
        old, new = getattr(before, term), getattr(order, term)
        if old == new:
            continue
        if term == "names":
            changed.append(f"names: {len(old):,}, now {len(new):,}")
        else:
            changed.append(f"{term}: {old or 'not set'}, now {new or 'not set'}")
    return "; ".join(changed)
