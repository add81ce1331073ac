"""Diffs as the director gives them: [[text, "added" | "removed" | null], ...]."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.session import Session
from meristem.formats.values import Value, is_list


def show(session: Session, diff: Value) -> bool:
    """Shows a diff; True if there is any change."""
    changed = False
    out: list[str] = []
    for entry in diff if is_list(diff) else []:
        if not is_list(entry) or not entry:
            continue
        status = entry[1] if len(entry) > 1 else None
        line = text(entry[0])
        if status == "added":
            out.append(session.screen.paint(f"+ {line}", "green"))
        elif status == "removed":
            out.append(session.screen.paint(f"- {line}", "red"))
        else:
            out.append(f"  {line}".rstrip())
        changed = changed or status in ("added", "removed")
    for line in out:
        session.screen.line(line)
    return changed
