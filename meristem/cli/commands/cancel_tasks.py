"""`cancel-tasks`."""

from __future__ import annotations

from meristem.cli.session import Session
from meristem.cli.verb import command, option
from meristem.formats.values import Hash, Value


@command(
    "cancel-tasks",
    option("-t", "--type", "types", multiple=True, help="Only these types."),
    option("-s", "--state", "states", multiple=True, help="Only these states (queued, processing)."),
)
def COMMAND(session: Session, types: tuple[str, ...], states: tuple[str, ...]) -> None:
    """Cancel tasks by state and type, of the deployment given by -d or of all."""
    body: Hash = {}
    if session.settings.deployment:
        body["deployment"] = session.settings.deployment
    if types:
        body["types"] = list[Value](types)
    if states:
        body["states"] = list[Value](states)
    session.director().send("POST", "/tasks/cancel", body)
