"""`restart`."""

from __future__ import annotations

from meristem.cli import instance_action
from meristem.cli.instance_action import yes
from meristem.cli.session import Session
from meristem.cli.slug import instance
from meristem.cli.verb import command


@command("restart", *instance_action.parameters())
def COMMAND(
    session: Session,
    slug: str | None,
    canaries: str | None,
    max_in_flight: str | None,
    converge: bool,
    no_converge: bool,
    skip_drain: bool,
) -> None:
    """Restart the instances given, or all of the deployment."""
    query = {"skip_drain": "*" if skip_drain else None, "canaries": canaries, "max_in_flight": max_in_flight}
    alone = {"skip_drain": yes(skip_drain)}
    instance_action.run(
        session, "restart", "restart", instance(slug), query, alone, converge=converge, no_converge=no_converge
    )
