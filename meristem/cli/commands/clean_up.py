"""`clean-up`."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import ApiError
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.task_follow import follow
from meristem.cli.verb import command, flag
from meristem.formats.values import Hash, is_hash, is_list


@command(
    "clean-up",
    flag("--all", help="All unused releases, stemcells, disks and VMs, not only old ones."),
    flag("--dry-run", help="Only list what would go."),
    flag("--keep-orphaned-disks", help="Keep orphaned disks."),
)
def COMMAND(session: Session, dry_run: bool, keep_orphaned_disks: bool, **flags: bool) -> None:
    """Delete what nothing uses."""
    director = session.director()
    everything = flags["all"]
    query = {
        "remove_all": "true" if everything else "false",
        "keep_orphaned_disks": "true" if keep_orphaned_disks else "false",
    }
    try:
        listed = director.get("/cleanup/dryrun", query)
    except ApiError as error:
        # Old directors cannot tell beforehand; they can still clean up.
        if dry_run or error.status != 404:
            raise
        listed = None
    for kind, items in (listed if is_hash(listed) else {}).items():
        rows = [[_label(item) if is_hash(item) else text(item)] for item in items] if is_list(items) else []
        session.screen.table(Table(kind, [kind.replace("_", " ").capitalize()], rows))
    if dry_run:
        return
    session.screen.confirm()
    body: Hash = {"config": {"remove_all": everything, "keep_orphaned_disks": keep_orphaned_disks}}
    follow(session, director.start("POST", "/cleanup", body=body))


def _label(item: Hash) -> str:
    name = next((text(item[key]) for key in ("name", "package_name", "disk_cid", "cid") if item.get(key)), "")
    version = text(item.get("version")) or text(item.get("versions"))
    return f"{name}/{version}" if version else name or text(item)
