"""`take-snapshot`."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.slug import one_instance
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command


@command("take-snapshot", argument("slug", required=False, metavar="[GROUP/ID]"))
def COMMAND(session: Session, slug: str | None) -> None:
    """Snapshot the disks of the deployment given by -d, or of one instance."""
    path = f"/deployments/{escaped(session.deployment())}"
    if slug:
        found = one_instance(slug)
        path += f"/jobs/{escaped(found.group)}/{escaped(found.instance)}"
    follow(session, session.director().start("POST", f"{path}/snapshots"))
