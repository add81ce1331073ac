"""The plan of a deploy: every step with its cause, from the director's /plan endpoint."""

from __future__ import annotations

from collections.abc import Mapping

from meristem.cli.cells import text
from meristem.cli.director import ApiError, escaped
from meristem.cli.session import Session
from meristem.formats.values import Hash, Value, hashes, is_hash

_SECRET = {"properties", "links", "env"}
_SUMMARY = ("create", "update", "recreate", "delete", "unchanged")


def fetch(session: Session, deployment: str, manifest: str, query: Mapping[str, str | None]) -> Hash | None:
    """The plan; None from a director that makes none (404), and, said aloud, when making it broke (5xx).

    What the director refuses (a bad manifest) is an error: the deploy would be refused too.
    """
    director = session.director()
    try:
        answer = director.send_text("POST", f"/deployments/{escaped(deployment)}/plan", manifest, query)
    except ApiError as error:
        # A stock director has no such route (its 404 carries no error code); an unknown deployment would have one.
        if error.status == 404 and error.code == 0:
            return None
        if error.status >= 500 and error.code == 0:
            session.screen.error_line(f"No plan: {error.message}")
            return None
        raise
    return answer if is_hash(answer) else None


def show(session: Session, plan: Hash, *, redact: bool = True) -> None:
    """Shows stages, units, steps and causes, and the counts; values of properties and links are hidden with `redact`."""
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
            for line in _steps(session, hashes(unit.get("steps")), redact=redact):
                screen.line(f"      {line}")
    summary = plan.get("summary")
    if is_hash(summary):
        counts = [f"{text(summary.get(key)) or '0'} to {key}" for key in _SUMMARY[:4]]
        screen.line(f"\n  {', '.join(counts)}, {text(summary.get('unchanged')) or '0'} unchanged\n")


def _steps(session: Session, steps: list[Hash], *, redact: bool) -> list[str]:
    """Steps that follow from one and the same cause stand in one line below it; else each has its own."""
    told = [(text(step.get("title")) or text(step.get("kind")), _causes(step, redact=redact)) for step in steps]
    distinct = {causes for _, causes in told if causes}
    if len(distinct) <= 1:
        because = [session.screen.paint(f"because {causes}", "yellow") for causes in distinct]
        return [*because, " → ".join(title for title, _ in told)] if told else because
    return [title + (session.screen.paint(f"  because {causes}", "yellow") if causes else "") for title, causes in told]


def _causes(step: Hash, *, redact: bool) -> str:
    return "; ".join(_cause(cause, redact=redact) for cause in hashes(step.get("causes")))


def _cause(cause: Hash, *, redact: bool) -> str:
    field, old, new = text(cause.get("field")), cause.get("old"), cause.get("new")
    if old is None and new is None:
        return field
    if redact and _SECRET.intersection(field.split(".")):
        return (
            f"{field} changed"
            if old is not None and new is not None
            else f"{field} {'added' if old is None else 'removed'}"
        )
    return f"{field}: {_short(old)} -> {_short(new)}"


def _short(value: Value) -> str:
    shown = "none" if value is None else " ".join(text(value).split())
    return shown if len(shown) <= 60 else shown[:57] + "..."
