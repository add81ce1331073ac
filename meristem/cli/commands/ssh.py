"""`ssh`: a shell, or a command on several instances."""

from __future__ import annotations

from typing import Any

from meristem.cli import ssh_route, ssh_session
from meristem.cli.session import Session
from meristem.cli.slug import instance
from meristem.cli.verb import argument, command, flag, option


@command(
    "ssh",
    argument("slug", required=False, metavar="[GROUP[/ID]]"),
    option("-c", "--command", "commands", multiple=True, help="Command to run instead of a shell."),
    flag("-r", "--results", help="Collect the results into a table."),
    *ssh_route.parameters(),
)
def COMMAND(session: Session, slug: str | None, commands: tuple[str, ...], results: bool, **gateway: Any) -> None:
    """Open a shell on one instance, or run a command on all that match."""
    route = ssh_route.chosen(**gateway)
    target = instance(slug)
    deployment = session.deployment()
    if commands:
        ssh_session.run(session, deployment, target, route, " ".join(commands), collect=results)
    else:
        ssh_session.shell(session, deployment, target, route)
