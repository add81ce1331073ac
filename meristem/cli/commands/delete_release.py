"""`delete-release`."""

from __future__ import annotations

from meristem.cli.director import ApiError, escaped
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, flag


@command("delete-release", argument("release"), flag("--force", help="Ignore errors while deleting."))
def COMMAND(session: Session, release: str, force: bool) -> None:
    """Delete a release NAME[/VERSION]."""
    director = session.director()
    name, _, version = release.partition("/")
    session.screen.confirm()
    query = {"version": version or None, "force": "true" if force else None}
    try:
        task = director.start("DELETE", f"/releases/{escaped(name)}", query)
    except ApiError as error:
        if error.status != 404:
            raise
        session.screen.line(f"Release '{release}' does not exist.")
        return
    follow(session, task)
