"""The table of tasks."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.table import Bad, Cell, Table
from meristem.cli.task_events import full_time
from meristem.formats.values import Hash, Value

_FINE = ("queued", "processing", "done")


def build(found: list[Hash]) -> Table:
    """Tasks, newest first."""
    header = ["ID", "State", "Started At", "Finished At", "User", "Deployment", "Description", "Result"]
    ordered = sorted(found, key=lambda task: _number(task.get("id")), reverse=True)
    return Table("tasks", header, [_row(task) for task in ordered])


def _row(task: Hash) -> list[Cell]:
    state = text(task.get("state"))
    return [
        text(task.get("id")),
        state if state in _FINE else Bad(state),
        full_time(_number(task.get("started_at"))),
        full_time(_number(task.get("timestamp"))) or "-",
        text(task.get("user")),
        text(task.get("deployment")),
        text(task.get("description")),
        text(task.get("result")),
    ]


def _number(value: Value) -> float:
    return value if isinstance(value, (int, float)) else 0
