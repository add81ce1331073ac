"""start, stop, restart, recreate: converging by PUT jobs, or one instance alone with --no-converge."""

from __future__ import annotations

from collections.abc import Mapping

import click

from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.slug import InstanceSlug
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, flag, option


def parameters(*, skip_drain: bool = True) -> list[click.Parameter]:
    """The argument and flags the four verbs share."""
    shared: list[click.Parameter] = [
        argument("slug", required=False, metavar="[GROUP[/ID]]"),
        option("--canaries", help="Override canaries."),
        option("--max-in-flight", help="Override max_in_flight."),
        flag("--converge", help="Converge the deployment first (default)."),
        flag("--no-converge", help="Act on the one instance only."),
    ]
    return [*shared, flag("--skip-drain", help="Skip pre-stop and drain.")] if skip_drain else shared


def run(
    session: Session,
    action: str,
    state: str,
    slug: InstanceSlug,
    query: Mapping[str, str | None],
    action_query: Mapping[str, str | None],
    *,
    converge: bool,
    no_converge: bool,
) -> None:
    """Asks for confirmation and performs the action. `query` is for the converging way, `action_query` for the other."""
    if converge and no_converge:
        raise CliError("Can't specify converge and no-converge", "Choose one.")
    deployment = escaped(session.deployment())
    director = session.director()
    session.screen.confirm()
    if no_converge:
        if not slug.one:
            raise CliError("You are trying to run actions on an instance group without converging.", "Give group/id.")
        if query.get("canaries") or query.get("max_in_flight"):
            raise CliError("Can't set canaries or max-in-flight with --no-converge", "Drop them.")
        path = (
            f"/deployments/{deployment}/instance_groups/{escaped(slug.group)}/{escaped(slug.instance)}/actions/{action}"
        )
        follow(session, director.start("POST", path, action_query, text=""))
        return
    path = f"/deployments/{deployment}/jobs/{slug.group if slug.group == '*' else escaped(slug.group)}"
    sent = {"state": state, **query}
    if slug.one:
        if query.get("canaries") or query.get("max_in_flight"):
            raise CliError("Can't set canaries or max-in-flight for a single instance", "Drop them.")
        path += f"/{escaped(slug.instance)}"
    follow(session, director.start("PUT", path, sent, text=""))


def yes(value: bool) -> str | None:
    """`true`, or nothing to send."""
    return "true" if value else None
