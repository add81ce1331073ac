"""`vms`: every VM, inactive ones included."""

from __future__ import annotations

from meristem.cli import full_rows
from meristem.cli.instance_table import Columns, build
from meristem.cli.session import Session
from meristem.cli.verb import command, flag


@command("vms", flag("--vitals", help="Load, memory, disks."), flag("--cloud-properties", help="Cloud properties."))
def COMMAND(session: Session, vitals: bool, cloud_properties: bool) -> None:
    """List VMs of the deployment given by -d, or of all."""
    columns = Columns(vm=True, vitals=vitals, cloud_properties=cloud_properties)
    for deployment, rows in full_rows.fetch(session, "vms").items():
        if not session.settings.deployment:
            session.screen.line(f"Deployment '{deployment}'\n")
        session.screen.table(build("vms", rows, columns))
