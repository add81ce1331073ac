"""`apply`: carry out a sealed plan, if it is still the same plan."""

from __future__ import annotations

from meristem.cli import plan_view, sealed_plan
from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command


@command("apply", argument("path"))
def COMMAND(session: Session, path: str) -> None:
    """Carry out the sealed plan at PATH (`-` = standard input), as `deploy --plan-only` wrote it.

    The director refuses, having changed nothing, when anything that the plan was made from has moved.
    """
    document = sealed_plan.read(path)
    name = sealed_plan.deployment_of(session, document)
    director = session.director()
    session.screen.line(f"Using deployment '{name}'\n")
    session.screen.line(f"Sealed {text(document.get('made_at'))} by {text(document.get('made_by'))}")
    plan_view.show(session, sealed_plan.plan_of(document))
    session.screen.confirm()
    follow(session, director.start("POST", f"/deployments/{escaped(name)}/apply", body=document))
