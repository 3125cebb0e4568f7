"""``muniment list``: the objects that are kept."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json


def list(  # noqa: A001  a verb's function has the name of the verb
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="Only objects of this collection.")
    ] = "",
    search: Annotated[
        str, typer.Option("--search", metavar="TEXT", help="Only objects that have this in their name.")
    ] = "",
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """List the objects that are kept, each by its latest version, by collection and name.

    Exit codes: 0 also where nothing is found, 2 what is given can name no collection.

    Example: muniment list --collection images --search sheet
    """
    from flows.cli.status_view import moment
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from preservation.errors import ConfigurationError
    from preservation.model.amounts import byte_size, count
    from preservation.model.identifiers import collection_name
    from preservation.model.paths import printable

    try:
        wanted = collection_name(collection) if collection else None
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    found = 0
    with open_installation(load_settings(installation)) as opened:
        for kept in opened.catalogue.objects(wanted, search):
            found += 1
            package = kept.package
            if json:
                fields = {"object": str(package.object), "object_version": package.version}
                fields |= {"versions": kept.versions, "files": kept.files, "bytes": kept.bytes}
                say_json({**fields, "registered_at": kept.registered_at})
                continue
            say(printable(str(package)))
            say(
                f"    {count(kept.files, 'file')}, {byte_size(kept.bytes)}, kept {moment(kept.registered_at)}"
            )
    if not json:
        say(f"{count(found, 'object')}")
