"""``muniment upgrade``: record what an older Muniment did not."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json

_NOT_RECORDED = 4


def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report; record nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Record the digests of the tag manifests of what 0.1.0 kept: catalogue and journal had none of them.

    The tag manifests are read in every store. Where all stores have the same, catalogue and journal record
    them, as read today: that says nothing of the time before. Other versions are printed, and nothing of
    them is recorded. Run it once after an upgrade; a second run does what is left.

    Exit codes: 0 every version has its digests, 4 stores differ, or a replica is damaged or gone.

    Example: muniment upgrade -C archive
    """
    from flows.archive.upgrade import upgrade_versions
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now, open_installation

    good = True
    with open_installation(load_settings(installation)) as opened:
        for one in upgrade_versions(opened, now(), dry_run=dry_run):
            good &= not one.fault
            stores = " and ".join(one.stores)
            if json:
                fields = {
                    "package": str(one.package),
                    "recorded": not one.fault and not dry_run,
                    "stores": list(one.stores),
                    "tag_digests": [str(digest) for digest in one.digests],
                    "sentence": one.fault,
                }
                say_json({**fields, "dry_run": dry_run})
            elif one.fault:
                say(f"NOT RECORDED  {one.package}\n  {one.fault}")
            else:
                say(f"{'would be recorded' if dry_run else 'recorded'}  {one.package}, alike in {stores}")
    if not good:
        raise typer.Exit(_NOT_RECORDED)
