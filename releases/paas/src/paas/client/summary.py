"""An app as it is now: state, instances, addresses."""

from __future__ import annotations

from typing import Any

import click

from paas.client.api import Json
from paas.client.session import Session
from paas.client.show import pairs, size, table

MB = 2**20


def gathered(session: Session, app: Json) -> dict[str, Any]:
    """All that is shown of an app."""
    guid = app["guid"]
    processes = session.api.list(f"/v3/apps/{guid}/processes")
    routes = session.api.list(f"/v3/apps/{guid}/routes")
    droplet = app["relationships"].get("current_droplet", {}).get("data")
    return {
        "name": app["name"],
        "guid": guid,
        "state": app["state"].lower(),
        "routes": [one["url"] for one in routes],
        "stack": app["lifecycle"]["data"].get("stack"),
        "buildpacks": _buildpacks(session, app, bool(droplet)),
        "processes": [
            {
                "type": one["type"],
                "instances": one["instances"],
                "memory_in_mb": one["memory_in_mb"],
                "disk_in_mb": one["disk_in_mb"],
                "stats": session.api.get(f"/v3/processes/{one['guid']}/stats")["resources"],
            }
            for one in processes
        ],
    }


def _buildpacks(session: Session, app: Json, staged: bool) -> list[str]:
    given = app["lifecycle"]["data"].get("buildpacks") or []
    if given or not staged:
        return given
    droplet = session.api.get(f"/v3/apps/{app['guid']}/droplets/current")
    return [one["name"] for one in droplet.get("buildpacks") or []]


def show(facts: dict[str, Any]) -> None:
    """For people."""
    pairs(
        [
            ("name", facts["name"]),
            ("state", facts["state"]),
            ("routes", ", ".join(facts["routes"])),
            ("stack", facts["stack"] or ""),
            ("buildpacks", ", ".join(facts["buildpacks"])),
        ]
    )
    for process in facts["processes"]:
        if process["type"] != "web" and not process["instances"]:
            continue
        running = sum(one["state"] == "RUNNING" for one in process["stats"])
        click.echo()
        pairs(
            [
                ("process", process["type"]),
                ("instances", f"{running}/{process['instances']}"),
                ("memory", size(process["memory_in_mb"])),
                ("disk", size(process["disk_in_mb"])),
            ]
        )
        headers = ["", "state", "since", "cpu", "memory", "disk", "details"]
        table(headers, [_row(one) for one in process["stats"]], "No instances.")


def _row(one: Json) -> list[object]:
    usage = one.get("usage") or {}
    if not usage:
        return [f"#{one['index']}", one["state"].lower(), "", "", "", "", one.get("details") or ""]
    return [
        f"#{one['index']}",
        one["state"].lower(),
        _since(one.get("uptime") or 0),
        f"{100 * (usage.get('cpu') or 0):.1f}%",
        f"{size(round((usage.get('mem') or 0) / MB, 1))} of {size((one.get('mem_quota') or 0) / MB)}",
        f"{size(round((usage.get('disk') or 0) / MB, 1))} of {size((one.get('disk_quota') or 0) / MB)}",
        one.get("details") or "",
    ]


def _since(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
