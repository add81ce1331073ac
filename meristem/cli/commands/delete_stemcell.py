"""`delete-stemcell`."""

from __future__ import annotations

from meristem.cli.director import ApiError, escaped
from meristem.cli.session import Session
from meristem.cli.slug import name_and_version
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, flag


@command("delete-stemcell", argument("stemcell"), flag("--force", help="Ignore errors in the cloud."))
def COMMAND(session: Session, stemcell: str, force: bool) -> None:
    """Delete a stemcell NAME/VERSION."""
    director = session.director()
    name, version = name_and_version(stemcell, "stemcell")
    session.screen.confirm()
    path = f"/stemcells/{escaped(name)}/{escaped(version)}"
    try:
        task = director.start("DELETE", path, {"force": "true" if force else None})
    except ApiError as error:
        if error.status != 404:
            raise
        session.screen.line(f"Stemcell '{stemcell}' does not exist.")
        return
    follow(session, task)
