"""``muniment restore``: copy what is kept out of the stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_issues, say_json

if TYPE_CHECKING:
    from storage.restore.outcomes import Restored

_LOST = 4


def restore(  # noqa: PLR0913, PLR0917  a parameter for each option, passed by name
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="What to restore.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="The folder that the files go to; made if need be.")
    ],
    version: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Which version; else the latest.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH", help="Only this file, as dropped or by its path in the bag. Repeatable."
        ),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--from", metavar="STORE", help="The store to read first.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="The complete bag, with what lies in earlier versions.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be restored.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Restore the originals of a kept object, or the whole bag; every byte is compared once it is written.

    Originals get the times of last change that they were dropped with, where the package records them (not
    those of 0.1.0) and the target can hold them.

    A file that one store has lost or damaged is taken from another, and that is reported. Nothing is
    overwritten: the files appear in TARGET once all of them are right; what is there already, as it was
    kept, stays and counts, so that a restore that was killed goes on. No link in TARGET is followed. If no
    store has a file as it was kept, TARGET is not made, and the other files are in TARGET.incomplete.
    Without the database the stores alone are used, and that is reported.

    Exit codes: 0 restored, 4 no store has some file as it was kept, 6 no such object, version or file,
    or a file is in the way.

    Example: muniment restore maps/sheet-012 ~/sheet-012 --file page_001.tif
    """
    from flows.archive.restore import RestoreRequest, restore_object
    from flows.installation.settings_file import load_settings
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import StoreName, VersionNumber, object_id_named

    object_id = object_id_named(name)
    if whole and file:
        raise ConfigurationError("--whole and --file exclude each other: the whole bag, or some files of it")
    request = RestoreRequest(
        object_id,
        target.resolve(),
        None if version is None else VersionNumber(version),
        tuple(file or ()),
        None if store is None else StoreName(store),
        whole,
    )
    restored = restore_object(request, load_settings(installation), dry_run=dry_run)
    if json:
        say_json(_fields(restored, dry_run=dry_run))
    else:
        _say(restored, dry_run=dry_run)
    if restored.lost:
        raise typer.Exit(_LOST)


def _fields(restored: Restored, *, dry_run: bool) -> dict[str, object]:
    return {
        "object": str(restored.package.object),
        "object_version": restored.package.version,
        "dry_run": dry_run,
        "complete": not restored.lost,
        "target": restored.folder,
        "files": restored.files,
        "bytes": restored.bytes,
        "there": restored.there,
        "sources": dict(restored.sources),
        "lost": list(restored.lost),
        "issues": restored.issues,
    }


def _say(restored: Restored, *, dry_run: bool) -> None:
    from flows.archive.restore import summary_of

    summary = summary_of(restored, dry_run=dry_run)
    if dry_run:
        say(f"would restore {summary}")
    elif restored.lost:
        say(f"INCOMPLETE  {summary}")
        if restored.folder is not None:
            say(f"  the other {restored.files:,} are in {restored.folder}")
    else:
        say(f"RESTORED  {summary}")
        say(f"  in {restored.folder}")
    if restored.there:
        say(f"  there already, as they were kept: {restored.there:,}")
    for store, files in sorted(restored.sources.items()):
        say(f"  from {store}: {files:,}")
    gravest_first = sorted(restored.issues, key=lambda issue: issue.severity.value)
    say_issues(gravest_first, "--json has all of them")
