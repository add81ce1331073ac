"""`create-recovery-plan FILE`: scan, ask once for each instance group and type of problem, write the answers."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.cells import text
from meristem.cli.problems import by_group, choice, offered, scanned
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import argument, command
from meristem.formats import yaml_dump
from meristem.formats.values import Hash, Value


@command("create-recovery-plan", argument("path"))
def COMMAND(session: Session, path: str) -> None:
    """Write a plan of repairs for the deployment given by -d, to be carried out by recover."""
    groups = by_group(scanned(session))
    if not groups:
        session.screen.line("No problems found")
        return
    plans: list[Value] = []
    for group, problems in groups.items():
        session.screen.line(f"Instance Group '{group}'")
        planned: Hash = {}
        for kind in sorted({text(one.get("type")) for one in problems}):
            alike = [one for one in problems if text(one.get("type")) == kind]
            rows = [[text(one.get("id")), text(one.get("description"))] for one in alike]
            session.screen.table(Table(f"{kind} problems", ["#", "Description"], rows))
            planned[kind] = choice(session, offered(alike[0]))
        width = session.screen.ask(f"max_in_flight override for '{group}' (empty for none)")
        plan: Hash = {"name": group}
        if width:
            plan["max_in_flight_override"] = width
        plans.append({**plan, "planned_resolutions": planned})
    Path(path).write_text(yaml_dump.dump({"instance_groups_plan": plans}))
