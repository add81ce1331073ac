"""`delete-deployment`."""

from __future__ import annotations

from meristem.cli.director import ApiError, escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import command, flag


@command("delete-deployment", flag("--force", help="Go on over errors of cloud and agents."))
def COMMAND(session: Session, force: bool) -> None:
    """Delete the deployment given by -d. Its persistent disks become orphans."""
    name = session.deployment()
    director = session.director()
    session.screen.confirm()
    try:
        follow(session, director.start("DELETE", f"/deployments/{escaped(name)}", {"force": "true" if force else None}))
    except CliError as error:
        unknown = isinstance(error, ApiError) and error.status == 404
        if not unknown and any(row.get("name") == name for row in director.rows("/deployments")):
            raise
        session.screen.line(f"Deployment '{name}' doesn't exist")
