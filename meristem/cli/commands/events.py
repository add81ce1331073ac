"""`events`: the audit trail."""

from __future__ import annotations

import json

from meristem.cli.cells import text
from meristem.cli.session import Session
from meristem.cli.table import Cell, Table
from meristem.cli.task_events import full_time
from meristem.cli.verb import command, option
from meristem.formats.values import Hash

HEADER = [
    "ID",
    "Time",
    "User",
    "Action",
    "Object Type",
    "Object Name",
    "Task ID",
    "Deployment",
    "Instance",
    "Context",
    "Error",
]


@command(
    "events",
    option("--before-id", help="Only events with a lower id."),
    option("--before", help="Only events before this time."),
    option("--after", help="Only events after this time."),
    option("--task", help="Only of this task."),
    option("--instance", help="Only of this instance."),
    option("--event-user", help="Only of this user."),
    option("--action", help="Only this action."),
    option("--object-type", help="Only this type of object."),
    option("--object-name", help="Only this object."),
)
def COMMAND(session: Session, **given: str | None) -> None:
    """List events, newest first (at most 200; page with --before-id)."""
    query = {
        "before_id": given["before_id"],
        "before_time": given["before"],
        "after_time": given["after"],
        "deployment": session.settings.deployment or None,
        "task": given["task"],
        "instance": given["instance"],
        "user": given["event_user"],
        "action": given["action"],
        "object_type": given["object_type"],
        "object_name": given["object_name"],
    }
    found = session.director().rows("/events", query)
    session.screen.table(Table("events", HEADER, [row(event) for event in found]))


def row(event: Hash) -> list[Cell]:
    """An event's cells."""
    parent = f" <- {text(event.get('parent_id'))}" if event.get("parent_id") else ""
    moment = event.get("timestamp")
    context = event.get("context")
    return [
        text(event.get("id")) + parent,
        full_time(moment) if isinstance(moment, (int, float)) else text(moment),
        *(text(event.get(key)) for key in ("user", "action", "object_type", "object_name", "task")),
        *(text(event.get(key)) for key in ("deployment", "instance")),
        json.dumps(context) if context else "",
        text(event.get("error")),
    ]
