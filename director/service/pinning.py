"""Which versions of variables a deploy uses: made, pinned in a set, rotated (manifest contract §4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from director.manifest.properties import declared
from director.model.cloud_config import CloudConfig
from director.model.deployment import Deployment, Document, VariableWanted
from director.model.placeholders import absolute_name, used_variables
from director.model.rows import DeploymentRow, JobRow, VariableRow, VariableSetRow
from director.service.house import House


def variables_to_make(
    deployment: Deployment, row: DeploymentRow | None, stemcells: Sequence[tuple[str, str]]
) -> tuple[VariableWanted, ...]:
    """The manifest's variables; those that are to follow stemcells count as any other when every stemcell is another than before."""
    if row is None or not row.stemcells or set(stemcells) & set(row.stemcells):
        return deployment.variables
    return tuple(msgspec.structs.replace(one, strategy="on-deploy") for one in deployment.variables)


async def pin(
    house: House,
    deployment: Deployment,
    wanted: Sequence[VariableWanted],
    last: DeploymentRow | None,
    cloud: CloudConfig,
    jobs: Mapping[tuple[str, str], JobRow],
    links: Mapping[tuple[str, str], Mapping[str, Document]],
) -> tuple[dict[str, str], tuple[VariableRow, ...]]:
    """The variable versions in use, those to be made included. With ``last`` what that deploy pinned stays, and only what it did not know
    is made."""
    parts: list[object] = [cloud, links]
    for group in deployment.instance_groups:
        parts += [group.env, *(job.properties for job in group.jobs)]
        if group.disk:
            parts.append(group.disk.cloud_properties)
    parts += [declared(row) for row in jobs.values()]
    used = used_variables(msgspec.to_builtins(parts))
    before = await house.store.get(VariableSetRow, f"{last.variable_set:012d}") if last and last.variable_set else None
    pinned = before.pins if before else {}

    def absolute(name: str) -> str:
        return absolute_name(name, house.site.name, deployment.name)

    missing = [one for one in wanted if absolute(one.name) not in pinned]
    # what nobody uses is in the set all the same: it was wanted when the set was made
    names = {absolute(one) for one in used} | pinned.keys()
    resolved = await house.secrets.resolve(deployment.name, missing, sorted(names), pinned=pinned)
    return dict(resolved.pins), resolved.rows


def next_set(
    deployment: str, row: DeploymentRow | None, pins: dict[str, str], sets: Sequence[VariableSetRow], seed: str
) -> tuple[int, tuple[VariableSetRow, ...]]:
    """The variable set of this deploy: the last one when its pins are the same (0 when nothing was ever pinned)."""
    last = next((one for one in sets if row is not None and one.id == row.variable_set), None)
    if last is not None and last.pins == pins:
        return last.id, ()
    if not pins:
        return 0, ()
    # a set has its task's number: no other deploy can take it, and a preview uses none up
    number = seed.rpartition("/")[2]
    made = VariableSetRow(id=int(number) if number.isdigit() else 0, deployment=deployment, pins=pins)
    return made.id, (made,)


def rotated(before: Mapping[str, str], now: Mapping[str, str]) -> frozenset[str]:
    """Names that both sets pin, at different versions."""
    return frozenset(name for name, version in before.items() if now.get(name, version) != version)
