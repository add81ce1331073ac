"""`ssh`: a shell, or a command on several instances."""

from __future__ import annotations

from meristem.cli import ssh_session
from meristem.cli.session import Session
from meristem.cli.slug import instance
from meristem.cli.verb import argument, command, flag, option


@command(
    "ssh",
    argument("slug", required=False, metavar="[GROUP[/ID]]"),
    option("-c", "--command", "commands", multiple=True, help="Command to run instead of a shell."),
    flag("-r", "--results", help="Collect the results into a table."),
)
def COMMAND(session: Session, slug: str | None, commands: tuple[str, ...], results: bool) -> None:
    """Open a shell on one instance, or run a command on all that match."""
    target = instance(slug)
    deployment = session.deployment()
    if commands:
        ssh_session.run(session, deployment, target, " ".join(commands), collect=results)
    else:
        ssh_session.shell(session, deployment, target)
