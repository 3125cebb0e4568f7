"""``muniment alarms``: the alarms that are open, and closing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.alarms.channels import ChannelName
    from flows.alarms.outbox import Queued

_ID_SHOWN = 8

VERBS = typer.Typer(rich_markup_mode=None)


@VERBS.callback(invoke_without_command=True)
def alarms(context: typer.Context, json: JsonOption = False, installation: InstallationOption = None) -> None:
    """Show the open alarms: what happened, since when, who was told, what to do.

    What waited, was given up or did not run is closed by the service when that is over. An alarm about what
    is kept, or about malware, is open until a person closes it.

    Example: muniment alarms
    """
    if context.invoked_subcommand is not None:
        return
    from flows.alarms.alarms import channels_of, outbox_of
    from flows.cli.status_view import show
    from flows.inboxes.heartbeat import watcher_fault
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now

    settings = load_settings(installation)
    names = {channel.name: channel.description for channel in channels_of(settings)}
    found = outbox_of(settings).open_alarms()
    for one in found:
        if json:
            say_json(_fields(one, names))
        else:
            show(_lines(one, names))
    if not json:
        say("Times: UTC." if found else "No alarm is open.")
    if fault := watcher_fault(settings, now()):
        note(f"What waits too long or did not run may have no alarm yet. {fault}")


@VERBS.command()
def close(
    alarm: Annotated[str, typer.Argument(metavar="ALARM", help="Its identifier, or how that begins.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="What was found and done.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who closes it.")],
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Close an alarm about what is kept, or about malware. Found again, it is a new alarm.

    The journal has who closed it, and why: muniment journal show.

    Exit codes: 0 it is closed, 6 no such alarm is open, several begin so, or it is closed by the service.

    Example: muniment alarms close 3f2a9c1b --because "disk exchanged, replica put back" --by "A. Turner"
    """
    from flows.alarms.alarm import headline
    from flows.alarms.close import close_by_person
    from flows.installation.settings_file import load_settings

    closed = close_by_person(load_settings(installation), alarm, because=because, by=by)
    if json:
        say_json({"id": closed.id, "object": closed.about})
    else:
        say(f"closed  {headline(closed)}")


def _fields(one: Queued, names: Mapping[ChannelName, str]) -> dict[str, object]:
    from flows.alarms.alarm import CLOSED_BY_PEOPLE

    return {
        "id": one.alarm.id,
        "alarm": one.alarm.kind,
        "object": one.alarm.about,
        "since": one.raised_at,
        "happened": one.alarm.happened,
        "next_step": one.alarm.next_step,
        "receipt": one.alarm.receipt or None,
        "told": [{"channel": names.get(name, name), "at": at} for name, at in one.told.items()],
        "to_be_told": [names.get(name, name) for name in one.channels],
        "closed_by": "person" if one.alarm.kind in CLOSED_BY_PEOPLE else "service",
    }


def _lines(one: Queued, names: Mapping[ChannelName, str]) -> Iterator[str]:
    from flows.alarms.alarm import CLOSED_BY_PEOPLE, headline
    from flows.cli.status_view import columns_of_terminal, lines_of_entry, moment

    alarm = one.alarm
    told = [f"told {moment(at)} by {names.get(name, name)}" for name, at in one.told.items()]
    told += [f"still to be told by {names.get(name, name)}" for name in one.channels]
    steps = [alarm.next_step]
    if alarm.kind in CLOSED_BY_PEOPLE:
        steps.append(f'muniment alarms close {alarm.id[:_ID_SHOWN]} --because "…" --by "…"')
    yield from lines_of_entry(
        f"{headline(alarm)}  since {moment(one.raised_at)}",
        (alarm.happened, *([f"Receipt: {alarm.receipt}"] if alarm.receipt else [])),
        steps,
        columns_of_terminal(),
    )
    yield from lines_of_entry("", ("; ".join(told) or "in the log alone",), (), columns_of_terminal())
    yield ""
