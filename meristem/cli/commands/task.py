"""`task`: one task's output, followed while it runs."""

from __future__ import annotations

from meristem.cli import report_view
from meristem.cli.cells import text
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow, stream_plain
from meristem.cli.verb import argument, command, flag


@command(
    "task",
    argument("task_id", required=False, type=int, metavar="[ID]"),
    flag("--event", help="Event log as it is."),
    flag("--cpi", help="CPI log."),
    flag("--debug", help="Debug log."),
    flag("--result", help="Result."),
    flag("--report", help="Planned and actual times, the critical path, what would have saved most."),
    flag("-a", "--all", help="Without ID: consider small tasks too."),
)
def COMMAND(session: Session, task_id: int | None, **flags: bool) -> None:
    """Show a task, by default the newest running one, and follow it to its end."""
    director = session.director()
    if task_id is None:
        query = {
            "state": "processing,cancelling,queued",
            "verbose": "2" if flags["all"] else "1",
            "deployment": session.settings.deployment or None,
        }
        running = director.rows("/tasks", query)
        if not running:
            raise CliError("No task found", "See `tasks --recent`.")
        task_id = int(text(running[0].get("id")))
    if flags["report"]:
        report_view.show(session, task_id)
        return
    for kind in ("event", "cpi", "debug", "result"):
        if flags[kind]:
            stream_plain(session, task_id, kind)
            return
    follow(session, task_id)
