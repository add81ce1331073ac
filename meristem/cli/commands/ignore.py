"""`ignore`."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.slug import one_instance
from meristem.cli.verb import argument, command


@command("ignore", argument("slug", metavar="GROUP/ID"))
def COMMAND(session: Session, slug: str) -> None:
    """Leave an instance out of changes."""
    found = one_instance(slug)
    path = f"/deployments/{escaped(session.deployment())}/instance_groups/{escaped(found.group)}"
    session.director().send("PUT", f"{path}/{escaped(found.instance)}/ignore", {"ignore": True})
