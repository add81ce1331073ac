"""`recover FILE`: scan again and carry out a plan that create-recovery-plan wrote."""

from __future__ import annotations

from pathlib import Path

import yaml

from meristem.cli.cells import text
from meristem.cli.failure import CliError
from meristem.cli.problems import by_group, offered, resolve, scanned
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import argument, command
from meristem.formats.values import Hash, hashes, is_hash


@command("recover", argument("path"))
def COMMAND(session: Session, path: str) -> None:
    """Repair the deployment given by -d as a recovery plan says; what it does not tell of is left alone."""
    plans = _read(path)
    groups = by_group(scanned(session))
    if not groups:
        session.screen.line("No problems found")
        return
    chosen: Hash = {}
    widths: Hash = {}
    for group, problems in groups.items():
        plan = plans.get(group, {})
        planned = plan.get("planned_resolutions")
        names: Hash = planned if is_hash(planned) else {}
        width = text(plan.get("max_in_flight_override"))
        title = f"Instance Group '{group}' plan summary" + (f" (max_in_flight override: {width})" if width else "")
        session.screen.line(title)
        rows: list[list[str]] = []
        for one in problems:
            name = text(names.get(text(one.get("type"))))
            sentence = dict(offered(one)).get(name, "No resolution planned")
            rows.append([text(one.get("id")), sentence, text(one.get("description"))])
            if name:
                chosen[text(one.get("id"))] = name
        session.screen.table(Table("problems", ["#", "Planned resolution", "Description"], rows))
        if width and any(name for name in names.values()):
            widths[group] = width
    session.screen.confirm()
    resolve(session, chosen, widths)


def _read(path: str) -> dict[str, Hash]:
    """The plans by instance group."""
    try:
        document = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise CliError(f"Cannot read {path}: {error.strerror}", "Write it with create-recovery-plan.") from None
    except yaml.YAMLError as error:
        raise CliError(f"{path} is not YAML: {error}", "Write it with create-recovery-plan.") from None
    plans = hashes(document.get("instance_groups_plan")) if is_hash(document) else []
    if not plans:
        raise CliError(f"{path} has no 'instance_groups_plan'", "Write it with create-recovery-plan.")
    return {text(one.get("name")): one for one in plans}
