"""`start`."""

from __future__ import annotations

from meristem.cli import instance_action
from meristem.cli.session import Session
from meristem.cli.slug import instance
from meristem.cli.verb import command


@command("start", *instance_action.parameters(skip_drain=False))
def COMMAND(
    session: Session,
    slug: str | None,
    canaries: str | None,
    max_in_flight: str | None,
    converge: bool,
    no_converge: bool,
) -> None:
    """Start the instances given, or all of the deployment."""
    query = {"canaries": canaries, "max_in_flight": max_in_flight}
    instance_action.run(
        session, "start", "started", instance(slug), query, {}, converge=converge, no_converge=no_converge
    )
