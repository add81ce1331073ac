"""The plan of a deploy: every step with its cause, from the director's /plan endpoint."""

from __future__ import annotations

from collections.abc import Mapping

from meristem.cli import forecast_view
from meristem.cli.cells import text
from meristem.cli.director import ApiError, escaped
from meristem.cli.session import Session
from meristem.formats.values import Hash, Value, hashes, is_hash, strings

_HIDDEN = "<redacted>"
_SUMMARY = ("create", "update", "recreate", "delete", "unchanged")


def fetch(session: Session, deployment: str, manifest: str, query: Mapping[str, str | None]) -> Hash | None:
    """The plan; None from a director that makes none (404), and, said aloud, when making it broke (5xx).

    What the director refuses (a bad manifest) is an error: the deploy would be refused too.
    """
    try:
        return _ask(session, deployment, manifest, query)
    except ApiError as error:
        if error.status >= 500 and error.code == 0:
            session.screen.error_line(f"No plan: {error.message}")
            return None
        raise


def sealed(session: Session, deployment: str, manifest: str, query: Mapping[str, str | None]) -> Hash | None:
    """The sealed plan, planned as the deploy would be, agents asked; None from a director that makes none (404)."""
    return _ask(session, deployment, manifest, {**query, "seal": "true"})


def _ask(session: Session, deployment: str, manifest: str, query: Mapping[str, str | None]) -> Hash | None:
    try:
        answer = session.director().send_text("POST", f"/deployments/{escaped(deployment)}/plan", manifest, query)
    except ApiError as error:
        # A stock director has no such route (its 404 carries no error code); an unknown deployment would have one.
        if error.status == 404 and error.code == 0:
            return None
        raise
    return answer if is_hash(answer) else None


def show(session: Session, plan: Hash) -> None:
    """Shows stages, units, steps and causes, and the counts."""
    screen = session.screen
    screen.line("\nPlan:")
    stages = hashes(plan.get("stages"))
    if not stages:
        screen.line("  nothing to do")
    for stage in stages:
        width = stage.get("width")
        at_once = f" (up to {width} at once)" if isinstance(width, int) and width > 1 else ""
        title = " ".join([text(stage.get("title")), *strings(stage.get("tags"))])
        screen.line(screen.paint(f"  {title}{at_once}", "cyan"))
        for unit in hashes(stage.get("units")):
            screen.line(f"    {text(unit.get('title'))}")
            for line in _steps(session, hashes(unit.get("steps"))):
                screen.line(f"      {line}")
    summary = plan.get("summary")
    if is_hash(summary):
        counts = [f"{text(summary.get(key)) or '0'} to {key}" for key in _SUMMARY[:4]]
        screen.line(f"\n  {', '.join(counts)}, {text(summary.get('unchanged')) or '0'} unchanged")
    found = plan.get("forecast")
    for line in forecast_view.lines(found) if is_hash(found) else []:
        screen.line(f"  {line}")
    screen.line()


def _steps(session: Session, steps: list[Hash]) -> list[str]:
    """Steps that follow from one and the same cause stand in one line below it; else each has its own."""
    told = [(text(step.get("title")) or text(step.get("kind")), _causes(step)) for step in steps]
    distinct = {causes for _, causes in told if causes}
    if len(distinct) <= 1:
        because = [session.screen.paint(f"because {causes}", "yellow") for causes in distinct]
        return [*because, " → ".join(title for title, _ in told)] if told else because
    return [title + (session.screen.paint(f"  because {causes}", "yellow") if causes else "") for title, causes in told]


def _causes(step: Hash) -> str:
    return "; ".join(_cause(cause) for cause in hashes(step.get("causes")))


def _cause(cause: Hash) -> str:
    field, old, new = text(cause.get("field")), cause.get("old"), cause.get("new")
    if old is None and new is None:
        return field
    if all(one in (_HIDDEN, None) for one in (old, new)):
        return f"{field} {'added' if old is None else 'removed' if new is None else 'changed'}"
    return f"{field}: {_short(old)} -> {_short(new)}"


def _short(value: Value) -> str:
    shown = "none" if value is None else " ".join(text(value).split())
    return shown if len(shown) <= 60 else shown[:57] + "..."
