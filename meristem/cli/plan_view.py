"""The plan of a deploy: every step with its cause, from the director's /plan endpoint."""

from __future__ import annotations

from collections.abc import Mapping

from meristem.cli.cells import text
from meristem.cli.director import ApiError, Director, escaped
from meristem.cli.session import Session
from meristem.formats.values import Hash, Value, hashes, is_hash

_SUMMARY = ("create", "update", "recreate", "delete", "unchanged")


def fetch(director: Director, deployment: str, manifest: str, query: Mapping[str, str | None]) -> Hash | None:
    """The plan; None from a director that makes none (404)."""
    try:
        answer = director.send_text("POST", f"/deployments/{escaped(deployment)}/plan", manifest, query)
    except ApiError as error:
        # A stock director has no such route (its 404 carries no error code); an unknown deployment would have one.
        if error.status == 404 and error.code == 0:
            return None
        raise
    return answer if is_hash(answer) else None


def show(session: Session, plan: Hash) -> None:
    """Shows stages, units and steps, and the counts."""
    screen = session.screen
    screen.line("\nPlan:")
    stages = hashes(plan.get("stages"))
    if not stages:
        screen.line("  nothing to do")
    for stage in stages:
        width = stage.get("width")
        at_once = f" (up to {width} at once)" if isinstance(width, int) and width > 1 else ""
        screen.line(screen.paint(f"  {text(stage.get('title'))}{at_once}", "cyan"))
        for unit in hashes(stage.get("units")):
            screen.line(f"    {text(unit.get('title'))}")
            for step in hashes(unit.get("steps")):
                causes = [_cause(cause) for cause in hashes(step.get("causes"))]
                because = f"  because {'; '.join(causes)}" if causes else ""
                screen.line(
                    f"      {text(step.get('title')) or text(step.get('kind'))}{screen.paint(because, 'yellow')}"
                )
    summary = plan.get("summary")
    if is_hash(summary):
        counts = [f"{text(summary.get(key)) or '0'} to {key}" for key in _SUMMARY[:4]]
        screen.line(f"\n  {', '.join(counts)}, {text(summary.get('unchanged')) or '0'} unchanged")


def _cause(cause: Hash) -> str:
    field, old, new = text(cause.get("field")), cause.get("old"), cause.get("new")
    if old is None and new is None:
        return field
    return f"{field}: {_short(old)} -> {_short(new)}"


def _short(value: Value) -> str:
    shown = "none" if value is None else " ".join(text(value).split())
    return shown if len(shown) <= 60 else shown[:57] + "..."
