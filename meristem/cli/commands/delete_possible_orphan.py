"""`delete-possible-orphan KEY`: settle what nobody could tell."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, flag, option


@command(
    "delete-possible-orphan",
    argument("key"),
    option("--cid", metavar="CID", help="What it is in the cloud; it is deleted there."),
    flag("--dismiss", help="There is no such thing in the cloud; forget it and free its addresses."),
)
def COMMAND(session: Session, key: str, cid: str | None, dismiss: bool) -> None:
    """Delete a possible orphan by its CID, or dismiss it."""
    if bool(cid) == dismiss:
        raise CliError(
            "Give --cid CID or --dismiss", "Look for it in the cloud first: meristem possible-orphans tells all."
        )
    session.screen.confirm()
    director = session.director()
    query = {"cid": cid} if cid else {}
    follow(session, director.start("DELETE", f"/possible_orphans/{escaped(key)}", query))
