"""Full-format VM and instance rows: each listing is a task whose result is one JSON object per line."""

from __future__ import annotations

import json

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.task_follow import follow_quietly
from meristem.formats.values import Hash, as_value, is_hash


def fetch(session: Session, kind: str) -> dict[str, list[Hash]]:
    """Rows of `vms` or `instances` by deployment: of the one given by -d, else of all."""
    director = session.director()
    if session.settings.deployment:
        names = [session.deployment()]
    else:
        flags = {"exclude_configs": "true", "exclude_releases": "true", "exclude_stemcells": "true"}
        names = sorted(text(row.get("name")) for row in director.rows("/deployments", flags))
    started = [
        (name, director.start("GET", f"/deployments/{escaped(name)}/{kind}", {"format": "full"})) for name in names
    ]
    return {name: parse(follow_quietly(session, task)) for name, task in started}


def parse(output: str) -> list[Hash]:
    """The objects of newline-delimited JSON."""
    values = [as_value(json.loads(line)) for line in output.splitlines() if line.strip()]
    return [value for value in values if is_hash(value)]
