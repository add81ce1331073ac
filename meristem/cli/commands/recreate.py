"""`recreate`."""

from __future__ import annotations

from meristem.cli import instance_action
from meristem.cli.instance_action import yes
from meristem.cli.session import Session
from meristem.cli.slug import instance
from meristem.cli.verb import command, flag, option


@command(
    "recreate",
    *instance_action.parameters(),
    flag("--fix", help="Recreate even if the agent does not answer."),
    flag("--dry-run", help="Render templates, change nothing."),
    option("--vms-created-before", metavar="RFC3339", help="Only VMs older than this."),
)
def COMMAND(
    session: Session,
    slug: str | None,
    canaries: str | None,
    max_in_flight: str | None,
    converge: bool,
    no_converge: bool,
    skip_drain: bool,
    fix: bool,
    dry_run: bool,
    vms_created_before: str | None,
) -> None:
    """Recreate the VMs of the instances given, or all of the deployment."""
    query = {
        "skip_drain": "*" if skip_drain else None,
        "fix": yes(fix),
        "dry_run": yes(dry_run),
        "canaries": canaries,
        "max_in_flight": max_in_flight,
        "recreate_vms_created_before": vms_created_before,
    }
    alone = {"skip_drain": yes(skip_drain), "ignore_unresponsive_agent": yes(fix)}
    instance_action.run(
        session, "recreate", "recreate", instance(slug), query, alone, converge=converge, no_converge=no_converge
    )
