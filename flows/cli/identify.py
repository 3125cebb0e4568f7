"""``muniment identify``: identify the formats of files, or set that of one by hand."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json
from preservation.errors import NotFoundError, UnacceptableContentError
from preservation.model.amounts import count
from preservation.model.digests import Algorithm
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.paths import RelativePath, is_utf8, printable

if TYPE_CHECKING:
    from typer._click.core import Context

    from preservation.identification.caged import CagedIdentifier


class _FilesUnlessNamed(TyperGroup):
    """Takes what names no verb for paths, so that ``muniment identify PATH`` identifies."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["files", *args]
        return super().parse_args(ctx, args)


VERBS = typer.Typer(
    cls=_FilesUnlessNamed,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Identify files: muniment identify PATH…; or set the format of one by hand.",
)


@VERBS.command()
def override(
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="The object.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="The file, below the root of the drop.")],
    puid: Annotated[str, typer.Argument(metavar="PUID", help="Its format in PRONOM, such as fmt/353.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="How that is known.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; change nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Set the format of a file by hand, where the engines do not know it or disagree.

    It holds for every drop of the object that is surveyed from now on; what is kept already stays as it is.
    What the engines found stands beside it in the package's PREMIS, with who decided, and why; so does the
    journal. muniment waiver list shows it, muniment waiver end ends it.

    Exit codes: 0 it is set, 2 that is no object, no path or no PUID, 6 it could not be recorded.

    Example: muniment identify override maps/sheet-012 plan.dat fmt/353 --because "opened it" --by "A. Turner"
    """
    from flows.cli.waiver import fields_of
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now, open_installation
    from flows.submission.rulings import give
    from preservation.errors import ConfigurationError
    from preservation.identification.pronom import doubts_about, format_names
    from preservation.model.formats import puid as as_puid
    from preservation.model.identifiers import object_id_named
    from preservation.model.paths import relative_path
    from preservation.model.rulings import FormatRuling

    object_id = object_id_named(name)
    try:
        known, file = as_puid(puid), relative_path(path)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    for doubt in doubts_about([known]):
        raise ConfigurationError(doubt)

    def made(number: int) -> FormatRuling:
        called = format_names().get(known, known)
        of = (object_id.collection, object_id.name)
        return FormatRuling(number, known, called, *of, file, because, by, now())

    with open_installation(load_settings(installation)) as opened:
        ruling = made(0) if dry_run else give(made, opened)
    if json:
        say_json({**fields_of(ruling), "dry_run": dry_run})
        return
    say(f"{ruling.place}: {ruling.puid}, {ruling.name}{'; nothing was changed' if dry_run else ''}")
    if not dry_run:
        say("  it holds for drops that are surveyed from now on")


@VERBS.command(name="files")
def identify(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, and folders with all below them.")
    ],
    json: JsonOption = False,
    algorithm: Annotated[
        list[Algorithm] | None,
        typer.Option(help="Digest to compute; may be given several times.  [default: sha256]"),
    ] = None,
    second_opinion: Annotated[
        bool,
        typer.Option(
            "--second-opinion/--no-second-opinion",
            help="Ask fido where siegfried is not certain.",
        ),
    ] = True,
) -> None:
    """Identify files: PRONOM formats with the engine's reasons, media type, digests, warnings.

    Every file is read once; nothing is written. What is not a plain, readable file is reported on stderr,
    and the command then ends with 3; with 6 where one of the paths does not exist.

    Example: muniment identify --json ~/scans/sheet-012
    """
    from preservation.identification.caged import CagedIdentifier, identifying_workers
    from preservation.tools.limits import Limits

    existing = []
    for path in paths:
        if os.path.lexists(path):
            existing.append(path)
        else:
            note(f"{printable(path)}: there is nothing here; check the spelling")
    algorithms = tuple(dict.fromkeys(algorithm or [Algorithm.SHA256]))
    print_file = _say_json if json else _say
    unreadable = 0
    # Links that were named here are followed.
    places = [Path(path).resolve() for path in existing]
    with identifying_workers(Limits(), len(os.sched_getaffinity(0)), places) as workers:
        identifier = CagedIdentifier(workers, second_opinion=second_opinion)
        for path, entry in _identified(existing, algorithms, identifier):
            if isinstance(entry, SurveyedFile):
                print_file(path if is_utf8(path) else printable(path), entry)
            else:
                unreadable += entry.kind is not EntryKind.EMPTY_FOLDER
                note(f"{printable(path)}: {entry.kind}: {entry.detail}")
    if len(existing) < len(paths):
        raise NotFoundError(f"nothing is at {len(paths) - len(existing)} of {len(paths)} paths, named above")
    if unreadable:
        entries = count(unreadable, "entry", "entries")
        raise UnacceptableContentError(f"{entries} could not be identified, for the reasons above")


def _identified(
    paths: list[str], algorithms: tuple[Algorithm, ...], identifier: CagedIdentifier
) -> Iterator[tuple[str, SurveyedFile | IrregularEntry]]:
    """Yield what is at and below ``paths``, each under a path as the user wrote it; links are followed."""
    for are_folders, group in groupby(paths, os.path.isdir):
        if are_folders:
            for folder in group:
                yield from _below(folder, algorithms, identifier)
        else:
            yield from _files(group, algorithms, identifier)


def _below(
    folder: str, algorithms: tuple[Algorithm, ...], identifier: CagedIdentifier
) -> Iterator[tuple[str, SurveyedFile | IrregularEntry]]:
    from preservation.model.submissions import DropKind, Received
    from preservation.survey.survey import survey

    received = Received(DropKind.FOLDER, Path(folder).resolve())
    threads = len(os.sched_getaffinity(0))
    try:
        for entry in survey(received, algorithms=algorithms, identifier=identifier, threads=threads):
            yield os.path.join(folder, entry.path), entry  # noqa: PTH118  as it was written, ./ and all
    except OSError as error:
        yield folder, _unreadable(folder, error)


def _files(
    paths: Iterable[str], algorithms: tuple[Algorithm, ...], identifier: CagedIdentifier
) -> Iterator[tuple[str, SurveyedFile | IrregularEntry]]:
    """Identify files that were named one by one: any name will do, since none of them is kept."""
    from preservation.fixity.digesting import digest_file

    for path in paths:
        try:
            # The path is the user's, links and all.
            file = Path(path).resolve(strict=True)
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                yield path, IrregularEntry(RelativePath(path), EntryKind.DEVICE, "not a plain file")
                continue
            size, digests = digest_file(file, algorithms)
            identification = identifier.identify_file(file, size)
        except OSError as error:
            yield path, _unreadable(path, error)
        else:
            yield path, SurveyedFile(RelativePath(path), size, status.st_mtime_ns, digests, identification)


def _unreadable(path: str, error: OSError) -> IrregularEntry:
    return IrregularEntry(RelativePath(path), EntryKind.UNREADABLE, error.strerror or str(error))


def _say_json(path: str, file: SurveyedFile) -> None:
    identification = file.identification
    say_json(
        {
            "path": path,
            "size": file.size,
            "puids": identification.matches,
            "mime": identification.mime,
            "warnings": identification.warnings,
            "digests": file.digests,
        }
    )


def _say(path: str, file: SurveyedFile) -> None:
    identification = file.identification
    say(f"{printable(path)}  {identification.decided or '-'}  {identification.name}  {identification.mime}")
    for warning in identification.warnings:
        say(f"    {printable(warning)}")
