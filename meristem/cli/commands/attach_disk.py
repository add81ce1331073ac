"""`attach-disk`."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.slug import one_instance
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, option


@command(
    "attach-disk",
    argument("slug", metavar="GROUP/ID"),
    argument("cid"),
    option("--disk-properties", help="'copy' takes the properties of the instance's disk."),
)
def COMMAND(session: Session, slug: str, cid: str, disk_properties: str | None) -> None:
    """Give a disk to a stopped or detached instance; its current disk becomes an orphan."""
    found = one_instance(slug)
    query = {
        "deployment": session.deployment(),
        "job": found.group,
        "instance_id": found.instance,
        "disk_properties": disk_properties,
    }
    director = session.director()
    session.screen.confirm()
    follow(session, director.start("PUT", f"/disks/{escaped(cid)}/attachments", query))
