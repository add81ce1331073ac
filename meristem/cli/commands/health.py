"""`health`: what the director's health monitor sees, and what keeps it from making VMs anew."""

from __future__ import annotations

from meristem.cli.cells import lines, text
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command
from meristem.formats.values import Hash, hashes, is_hash


@command("health")
def COMMAND(session: Session) -> None:
    """Show which instances are silent, why they are left alone, and what is left of the repair budget."""
    found = session.director().get("/health", {})
    state: Hash = found if is_hash(found) else {}
    rows = [
        [
            text(row.get("name")),
            text(row.get("instances")),
            lines(row.get("silent")),
            f"{text(row.get('repairs_last_hour'))} of {text(row.get('repairs_allowed'))}",
            text(row.get("left_alone_because")),
        ]
        for row in hashes(state.get("deployments"))
    ]
    header = ["Deployment", "Instances", "Silent", "Repairs in the last hour", "Left alone because"]
    session.screen.table(Table("deployments", header, rows, notes=_notes(state)))


def _notes(state: Hash) -> list[str]:
    notes: list[str] = []
    if not state.get("enabled"):
        notes.append(
            "The health monitor is off in director.yml: meristem.health.enabled, or no nats.monitor_certificate_path to hear agents with."
        )
    elif not state.get("looking"):
        notes.append("Another director watches, or the first look is still to come.")
    if state.get("paused"):
        notes.append("Resurrection is paused for all deployments.")
    if state.get("bus") is False:
        notes.append("The bus cannot be reached: agents cannot be heard.")
    used, allowed = text(state.get("repairs_last_hour")), text(state.get("repairs_allowed"))
    notes.append(f"Repairs in the last hour, all deployments: {used or '0'} of {allowed}")
    return notes
