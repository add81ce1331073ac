"""`stop`."""

from __future__ import annotations

from meristem.cli import instance_action
from meristem.cli.failure import CliError
from meristem.cli.instance_action import yes
from meristem.cli.session import Session
from meristem.cli.slug import instance
from meristem.cli.verb import command, flag


@command(
    "stop",
    *instance_action.parameters(),
    flag("--soft", help="Stop the jobs (default)."),
    flag("--hard", help="Delete the VM, keep the persistent disk."),
)
def COMMAND(
    session: Session,
    slug: str | None,
    canaries: str | None,
    max_in_flight: str | None,
    converge: bool,
    no_converge: bool,
    skip_drain: bool,
    soft: bool,
    hard: bool,
) -> None:
    """Stop the instances given, or all of the deployment."""
    if soft and hard:
        raise CliError("Can't specify soft and hard", "Choose one.")
    query = {"skip_drain": "*" if skip_drain else None, "canaries": canaries, "max_in_flight": max_in_flight}
    alone = {"skip_drain": yes(skip_drain), "hard": yes(hard)}
    state = "detached" if hard else "stopped"
    instance_action.run(
        session, "stop", state, instance(slug), query, alone, converge=converge, no_converge=no_converge
    )
