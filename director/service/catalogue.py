"""What is uploaded: releases and stemcells, looked up as manifests name them (exact version, ``latest``, ``N.latest``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from director.model.deployment import Deployment, ReleaseWanted, StemcellWanted
from director.model.errors import Faults, NotFound, Place
from director.model.rows import JobRow, ReleaseRow, StemcellRow
from director.plan.renamed import stemcells_under_present_names
from director.ports.store import Store
from meristem.formats.versions import resolve


async def releases_of(store: Store, deployment: Deployment) -> dict[str, ReleaseRow]:
    """Release rows by name, every version resolved; all that are missing are told at once."""
    faults = Faults()
    found: dict[str, ReleaseRow] = {}
    for wanted in deployment.releases:
        rows = await store.find(ReleaseRow, name=wanted.name)
        version = resolve(wanted.version, [row.version for row in rows])
        if version is None:
            faults.add(_missing_release(wanted, rows))
        else:
            found[wanted.name] = next(row for row in rows if row.version == version)
    faults.settle()
    return found


async def stemcells_of(
    store: Store, deployment: Deployment, renamed: Mapping[str, str]
) -> dict[str, list[StemcellRow]]:
    """Stemcell rows by alias, one per CPI; under the present names of CPIs that have been ``renamed``."""
    faults = Faults()
    found: dict[str, list[StemcellRow]] = {}
    for wanted in deployment.stemcells:
        if wanted.name:
            named = await store.find(StemcellRow, name=wanted.name)
        else:
            named = await store.find(StemcellRow, operating_system=wanted.os)
        rows = [row for row in named if row.cid]
        version = resolve(wanted.version, [row.version for row in rows])
        if version is None:
            faults.add(_missing_stemcell(wanted, rows))
        else:
            chosen = [row for row in rows if row.version == version]
            found[wanted.alias] = stemcells_under_present_names(chosen, renamed)
    faults.settle()
    return found


def stemcell_for(rows: Sequence[StemcellRow], cpi: str, alias: str) -> StemcellRow:
    """The stemcell of a CPI."""
    for row in rows:
        if row.cpi == cpi:
            return row
    raise NotFound(
        f"Stemcell '{rows[0].name}/{rows[0].version}' (alias '{alias}') does not exist on CPI '{cpi or 'default'}'",
        code=50003,
        remedy="Upload it again: it goes to every CPI that lacks it",
    )


def job_of(release: ReleaseRow, name: str, group: str) -> JobRow:
    """A job of a release version."""
    for one in release.jobs:
        if one.name == name:
            return one
    known = ", ".join(sorted(one.name for one in release.jobs)) or "none"
    raise NotFound(
        f"Can't find job '{name}' of instance group '{group}' in release '{release.name}/{release.version}'",
        code=140029,
        status=400,
        place=Place("manifest", 0, f"/instance_groups/name={group}/jobs/name={name}"),
        remedy=f"Its jobs are: {known}",
    )


def _missing_release(wanted: ReleaseWanted, rows: Sequence[ReleaseRow]) -> NotFound:
    have = ", ".join(row.version for row in rows)
    place = Place("manifest", 0, f"/releases/name={wanted.name}/version")
    if not rows:
        return NotFound(
            f"Release '{wanted.name}' doesn't exist", code=30005, place=place, remedy="Upload it with upload-release"
        )
    return NotFound(
        f"Release version '{wanted.name}/{wanted.version}' doesn't exist",
        code=30006,
        place=place,
        remedy=f"Uploaded versions: {have}",
    )


def _missing_stemcell(wanted: StemcellWanted, rows: Sequence[StemcellRow]) -> NotFound:
    what = wanted.name or f"os {wanted.os}"
    have = ", ".join(sorted({row.version for row in rows}))
    return NotFound(
        f"Stemcell '{what}/{wanted.version}' doesn't exist",
        code=50003,
        place=Place("manifest", 0, f"/stemcells/alias={wanted.alias}"),
        remedy=f"Uploaded versions: {have}" if have else "Upload it with upload-stemcell",
    )
